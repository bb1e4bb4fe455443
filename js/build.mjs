// Builds the two bundles the Python package ships in nbpipe/static: widget.js and widget.css of a recording,
// preview.js and preview.css of the live preview.
// Not minified: the files are committed, so that `pip install -e .` and Binder need no Node, and a
// reviewer can read what changed. Same sources, same bytes: with --check nothing is written, and a file that is
// not what its sources give is an error.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const banner = "/* nbpipe's notebook front end, built from js/ by `make js`: edit js/src/, not this file. */";

const check = process.argv.includes("--check");

const { outputFiles = [] } = await build({
  write: !check,
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: [
    { in: "src/widget.ts", out: "widget" },
    { in: "src/widget.css", out: "widget" },
    { in: "src/preview.ts", out: "preview" },
    { in: "src/preview.css", out: "preview" },
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

for (const { path, contents } of outputFiles) {
  const committed = await readFile(path).catch(() => Buffer.alloc(0));
  if (!committed.equals(contents)) {
    process.stderr.write(`${path} is not what js/src gives: run \`make js\` and commit it\n`);
    process.exitCode = 1;
  }
}
