// Builds the one bundle the Python package ships: nbpipe/static/widget.js and widget.css.
// Not minified: both files are committed, so that `pip install -e .` and Binder need no Node, and a
// reviewer can read what changed. Same sources, same bytes: CI builds again and compares.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const banner = "/* nbpipe's notebook front end, built from js/ by `make js`: edit js/src/, not this file. */";

await build({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: [
    { in: "src/widget.ts", out: "widget" },
    { in: "src/widget.css", out: "widget" },
  ],
  outdir: "../nbpipe/static",
  banner: { js: banner, css: banner },
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
});
