import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'

const LEFT_BEHIND = new Set(['node_modules', '.git', '.tandem'])

/**
 * A copy of the repository that can be damaged: sources copied, installed packages linked, workspaces linked to the copy
 * and not to the original.
 *
 * @returns its path, under the system's temporary directory
 */
export function copyRepository(root: string): string {
  const copy = mkdtempSync(join(realpathSync(tmpdir()), 'tandem-mutants-'))
  cpSync(root, copy, { recursive: true, filter: (path) => !LEFT_BEHIND.has(basename(path)) })
  const installed = readdirSync(root, { recursive: false, encoding: 'utf8' }).includes('node_modules')
  if (!installed) throw new Error('node_modules is missing: run npm test once')
  linkPackages(root, copy)
  return copy
}

export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true })
}

function linkPackages(root: string, copy: string): void {
  const from = join(root, 'node_modules')
  const to = join(copy, 'node_modules')
  mkdirSync(join(to, '@tandem'), { recursive: true })
  for (const name of readdirSync(from)) {
    if (name !== '@tandem') symlinkSync(join(from, name), join(to, name))
  }
  for (const name of readdirSync(join(from, '@tandem'))) {
    const workspace = relative(root, realpathSync(join(from, '@tandem', name)))
    symlinkSync(join(copy, workspace), join(to, '@tandem', name))
  }
}
