/** Types of a package, and of files that the bundler reads by wrangler's module rules. */
declare module '*.wasm' {
  const compiled: WebAssembly.Module;
  export default compiled;
}

declare module '*.bin' {
  const bytes: ArrayBuffer;
  export default bytes;
}

declare module 'oled-font-5x7' {
  const font: {
    readonly width: number;
    readonly height: number;
    /** One byte for each column of a glyph. */
    readonly fontData: number[];
    /** The characters, in the order of `fontData`. */
    readonly lookup: string[];
  };
  export default font;
}

/** The files that dev/build/page.ts builds from `page/`: URLs by role. */
declare module 'page-files' {
  const files: {
    readonly page: string;
    /** The script that draws in the browser, a worker. */
    readonly painter: string;
    /** The script of pages to read. */
    readonly reading: string;
    /** The script of the page `/hand`, and its worker. */
    readonly hand: string;
    readonly scribe: string;
    readonly style: string;
    readonly readingStyle: string;
    /** Charts of the model that ships. */
    readonly charts: Readonly<
      Record<'distance' | 'truncation', { readonly url: string; readonly description: string }>
    >;
    readonly bytes: {
      /** Compressed, with all that it loads but the model. */
      readonly painter: number;
    };
    /** From the cards of the bundled models. */
    readonly quality: readonly {
      readonly model: string;
      readonly figures: readonly {
        readonly name: string;
        readonly value: string;
        readonly real: string;
      }[];
    }[];
  };
  export default files;
}
