import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { extractSchema } from './extract.ts'
import { loadTree, ofType } from './modules.ts'

const ROOT = resolve(import.meta.dirname, '..')

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write(`Usage: node infra/terraform/check/extract-main.ts PACKAGE

Writes infra/terraform/check/google.generated.json for the resource types in use. PACKAGE is the unpacked npm package
@cdktf/provider-google 16.12.1; keep it outside the repository: npm pack @cdktf/provider-google@16.12.1 && tar xzf …
`)
  process.exit(1)
}

const modules = [...loadTree(ROOT).values()]
const typesOf = (kind: string) => [
  ...new Set(modules.flatMap((of) => ofType(of, kind).map(({ labels }) => labels[0]!))),
]
const schema = extractSchema(resolve(folder), { resources: typesOf('resource'), data: typesOf('data') })
writeFileSync(join(ROOT, 'check/google.generated.json'), `${JSON.stringify(schema)}\n`)
