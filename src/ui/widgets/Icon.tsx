import css from './widgets.module.css';

/** Paths on a 16 x 16 grid, stroked; `fill` ones are solid. */
const PATHS = {
  run: { d: 'M4.5 2.8v10.4L13 8z', fill: true },
  pause: { d: 'M4 3h3v10H4zM9 3h3v10H9z', fill: true },
  into: { d: 'M8 2v7M5 6.2 8 9.2l3-3M8 13.2h.01', fill: false },
  over: { d: 'M2.5 8.5a5.6 5.6 0 0 1 10.6-1.2M13.4 3.6v4h-4M8 13.2h.01', fill: false },
  back: { d: 'M14 8H5M8.2 4.8 5 8l3.2 3.2M2 4v8', fill: false },
  backOver: { d: 'M13.5 8.5A5.6 5.6 0 0 0 2.9 7.3M2.6 3.6v4h4M8 13.2h.01', fill: false },
  runBack: { d: 'M11.5 2.8v10.4L3 8z', fill: true },
  exit: { d: 'M8 14V7M5 9.8 8 6.8l3 3M2.5 3.2h11', fill: false },
  open: { d: 'M2 12.5v-9h4l1.5 2H14v7z', fill: false },
  reset: { d: 'M3 8a5 5 0 1 0 1.8-3.8M3 2.5v3h3', fill: false },
  destroy: { d: 'M4 4l8 8M12 4l-8 8', fill: false },
  view: { d: 'M2 3h12v10H2zM6.5 3v10M6.5 8H14', fill: false },
  help: { d: 'M6 6a2 2 0 1 1 2.8 1.9c-.5.2-.8.6-.8 1.3M8 12h.01', fill: false },
  check: { d: 'M3 8.5 6.5 12 13 4.5', fill: false },
  crash: { d: 'M8 2.2 14.5 13.5h-13zM8 6.5v3.4M8 11.8h.01', fill: false },
  dark: { d: 'M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z', fill: false },
  light: {
    d: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
    fill: false,
  },
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  const { d, fill } = PATHS[name];
  return (
    <svg
      className={css.icon}
      viewBox="0 0 16 16"
      aria-hidden="true"
      fill={fill ? 'currentColor' : 'none'}
      stroke={fill ? 'none' : 'currentColor'}
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={d} />
    </svg>
  );
}
