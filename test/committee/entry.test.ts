import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const CHILD = join(import.meta.dirname, 'children/imports.ts')

/** Without a configuration it ends as soon as it has loaded what it needs to read one. */
function loadedWith(...args: string[]): { readonly loaded: readonly string[]; readonly err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD, ...args], {
    env: { PATH: process.env['PATH'] ?? '' },
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(status).toBe(1)
  return { loaded: JSON.parse(stdout) as string[], err: stderr }
}

const libp2p = (url: string) => /\/(@libp2p|libp2p|@multiformats|@chainsafe)\/|sigpair\/src\/committee\//.test(url)

test('an ordinary Sigpair loads nothing of a committee, and none of libp2p', () => {
  const { loaded, err } = loadedWith()
  expect(err).toContain('FUNCTIONS_KEYS: is not set')
  expect(loaded.some((url) => url.endsWith('/sigpair/src/start.ts'))).toBe(true)
  expect(loaded.filter(libp2p)).toEqual([])
})

test('with --mode committee it is a node, and asks for a node’s configuration', () => {
  const { loaded, err } = loadedWith('--mode', 'committee')
  expect(err).toContain('NODE_IDENTITY_FILE: is not set')
  expect(loaded.some(libp2p)).toBe(true)
})

test('a mode that is none is refused', () => {
  expect(loadedWith('--mode', 'trio').err).toContain('SIGPAIR_MODE')
})
