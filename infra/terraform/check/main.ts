import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { checkTree } from './check.ts'
import { collectionsJson } from './collections.ts'
import { loadSchema } from './load-schema.ts'

const ROOT = resolve(import.meta.dirname, '..')
const COLLECTIONS = join(ROOT, 'collections.generated.json')

if (process.argv.includes('--write')) writeFileSync(COLLECTIONS, collectionsJson())
const failures = [checkCollections(), checkNames(), checkWithTerraform()].flat()
for (const failure of failures) process.stderr.write(`terraform: ${failure}\n`)
process.exitCode = failures.length === 0 ? 0 : 1

function checkCollections(): readonly string[] {
  if (readFileSync(COLLECTIONS, 'utf8') === collectionsJson()) return []
  return ['collections.generated.json is not what shared/store says: node infra/terraform/check/main.ts --write']
}

function checkNames(): readonly string[] {
  return checkTree(ROOT, loadSchema()).map(({ file, line, message }) => `infra/terraform/${file}:${line}: ${message}`)
}

/** Formatting, and the tests of the policy: both without any provider, network or account. */
function checkWithTerraform(): readonly string[] {
  if (spawnSync('terraform', ['version']).error !== undefined) {
    if (process.env['CI'] !== undefined) return ['there is no terraform on the PATH, and CI needs it']
    process.stdout.write('terraform is not on the PATH: format and policy tests are skipped (install it to run them)\n')
    return []
  }
  const policy = `-chdir=${join(ROOT, 'modules/policy')}`
  // what init writes belongs to nobody's checkout
  const scratch = mkdtempSync(join(tmpdir(), 'tandem-terraform-'))
  try {
    return [
      terraform('format', ['fmt', '-check', '-recursive', '-diff', ROOT], scratch),
      terraform('policy', [policy, 'init', '-backend=false', '-input=false'], scratch),
      terraform('policy', [policy, 'test'], scratch),
    ].flat()
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function terraform(what: string, args: readonly string[], scratch: string): readonly string[] {
  const env = { ...process.env, TF_DATA_DIR: scratch, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' }
  const { status, stdout, stderr } = spawnSync('terraform', [...args, ...(what === 'format' ? [] : ['-no-color'])], {
    env,
    encoding: 'utf8',
  })
  return status === 0 ? [] : [`${what}: terraform ${args.join(' ')} failed\n${stdout}${stderr}`]
}
