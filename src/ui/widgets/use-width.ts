import { type RefObject, useEffect, useState } from 'react';

/** The width of an element in CSS pixels, at least `least`, kept up to date. */
export function useWidth(element: RefObject<HTMLElement | null>, least: number): number {
  const [width, setWidth] = useState(600);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) =>
      setWidth(Math.max(least, entry?.contentRect.width ?? 600)),
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, least]);
  return width;
}
