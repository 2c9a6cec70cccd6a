// Runs before `npm start` and `npm test`, on whatever Node (20 or later) is there: installs what is missing or has
// changed, and says so. Built-ins only.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 20

const root = fileURLToPath(new URL('../..', import.meta.url))
const installed = join(root, 'node_modules/.package-lock.json')

/** Why an install is due, in words; undefined if it is not. */
function reason() {
  if (!existsSync(installed)) return 'the packages are not installed yet'
  const since = statSync(installed).mtimeMs
  const changed = manifests().find((file) => existsSync(join(root, file)) && statSync(join(root, file)).mtimeMs > since)
  return changed === undefined ? undefined : `${changed} has changed since the last install`
}

function manifests() {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return ['package-lock.json', 'package.json', ...workspaces.map((folder) => join(folder, 'package.json'))]
}

/**
 * `npm install`, not `npm ci`: some registries lack binaries of other platforms, and then `ci` refuses everything.
 * Warnings are off: all of them are about the old Node, which only runs this script.
 */
function install() {
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const options = { cwd: root, stdio: 'inherit' }
  const { status, error } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  if (error !== undefined) console.error(`npm cannot be run: ${error.message}`)
  return status === 0
}

function main() {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    console.error(`This needs Node ${OLDEST_NODE} or later to install Node 24 for itself; here is ${process.version}.`)
    process.exit(1)
  }
  const why = reason()
  if (why === undefined) return

  console.log(`Running npm install, because ${why}. The first time this takes up to a minute.`)
  const started = performance.now()
  if (!install()) {
    console.error('npm install failed; its reason is above. Run it again by hand, then repeat your command.')
    process.exit(1)
  }
  // npm may write its own lock file after the record of what it installed: without this, every run would install again
  utimesSync(installed, new Date(), new Date())
  console.log(`Installed in ${((performance.now() - started) / 1000).toFixed(1)} s.`)
}

main()
