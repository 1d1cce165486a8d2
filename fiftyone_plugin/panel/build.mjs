// Bundles the panel into ../dist/index.umd.js. The first line names the sources' digest, by which a test sees
// whether the bundle that is committed is that of the sources.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { build } from "esbuild";

const digest = createHash("sha256");
const sources = readdirSync("src", { recursive: true }).map((path) => path.replaceAll("\\", "/"));
for (const path of sources.sort()) {
    if (statSync(`src/${path}`).isFile()) digest.update(path).update(readFileSync(`src/${path}`));
}

await build({
    entryPoints: ["src/index.tsx"],
    outfile: "../dist/index.umd.js",
    banner: { js: `/* DensePose Annotator, panel/src ${digest.digest("hex")} */` },
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
});
