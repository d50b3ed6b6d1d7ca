/**
 * The part of the WebAssembly JavaScript interface that the layers below the Worker use
 * (WebAssembly JavaScript Interface, "The WebAssembly Namespace"). TypeScript declares it only together
 * with the DOM, which those layers must not see.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** In pages of 64 KiB. */
    initial: number;
    maximum?: number;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    /** Adds pages, detaches `buffer`, and gives back the size before, in pages. */
    grow(pages: number): number;
  }

  interface TableDescriptor {
    element: 'anyfunc' | 'externref';
    initial: number;
    maximum?: number;
  }

  class Table {
    constructor(descriptor: TableDescriptor);
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(entries: number): number;
  }

  interface GlobalDescriptor {
    value: 'i32' | 'i64' | 'f32' | 'f64';
    mutable?: boolean;
  }

  class Global {
    constructor(descriptor: GlobalDescriptor, value?: number | bigint);
    value: number | bigint;
  }

  // biome-ignore lint/suspicious/noExplicitAny: functions of a module have the types that its code gives them
  type Function = (...args: any[]) => any;
  type ExportValue = Function | Memory | Table | Global;
  type Imports = Record<string, Record<string, ExportValue | number | bigint>>;

  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer);
    static imports(module: Module): { readonly name: string }[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Record<string, ExportValue>;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: Uint8Array | ArrayBuffer): boolean;
  function compile(bytes: Uint8Array | ArrayBuffer): Promise<Module>;
}
