import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** What the API sends to browsers that take it: smaller, and made once. */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  enforce: "post",
  generateBundle(_options, bundle) {
    for (const [fileName, file] of Object.entries(bundle)) {
      if (!/\.(js|css|html|svg)$/.test(fileName)) continue;
      const content = Buffer.from(file.type === "chunk" ? file.code : file.source);
      const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
      this.emitFile({ type: "asset", fileName: `${fileName}.br`, source: brotliCompressSync(content, best) });
      this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source: gzipSync(content, { level: 9 }) });
    }
  },
};

export default defineConfig({
  // Nothing is inlined: the policy that the API sends allows scripts, styles and pictures from files of its own alone.
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [compressed],
});
