// What was compressed beforehand, unpacked.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

const { question } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(createHash("sha256").update(brotliDecompressSync(readFileSync(question))).digest("hex")));
