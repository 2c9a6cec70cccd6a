import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One entry of a lock file, as far as anybody here reads it. */
export type Locked = {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly link?: boolean
  readonly resolved?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Folder below the root (`node_modules/ws`, `sigpair`) → what is installed there. */
export type Lock = Readonly<Record<string, Locked>>

export function readLock(root: string): Lock {
  return (JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Lock }).packages
}

/**
 * Every folder that is needed at run time by those given, and they themselves: found as Node finds them, from the inside
 * out. Optional and peer dependencies count where they are locked.
 *
 * @throws {Error} for a dependency that the lock file does not have
 */
export function closureOf(lock: Lock, from: readonly string[]): readonly string[] {
  const found = new Set<string>()
  const visit = (folder: string) => {
    if (found.has(folder)) return
    found.add(folder)
    const { dependencies, optionalDependencies, peerDependencies } = lock[folder] ?? {}
    const needed = Object.keys({ ...dependencies })
    const welcome = Object.keys({ ...optionalDependencies, ...peerDependencies })
    for (const name of [...needed, ...welcome]) {
      const at = resolveIn(lock, folder, name)
      if (at !== undefined) visit(at)
      else if (!welcome.includes(name)) throw new Error(`${folder} needs ${name}, which the lock file does not have`)
    }
  }
  for (const folder of from) visit(folder)
  return [...found].toSorted()
}

/** Where Node finds `name` from `folder`; a workspace is found where its link leads. */
function resolveIn(lock: Lock, folder: string, name: string): string | undefined {
  const steps = folder.split('/')
  for (let depth = steps.length; depth >= 0; depth--) {
    const at = [...steps.slice(0, depth), 'node_modules', name].join('/')
    const entry = lock[at]
    if (entry !== undefined) return entry.link === true ? entry.resolved : at
  }
  return undefined
}

/** @param folder `…/node_modules/@scope/name` */
export const nameOf = (folder: string) => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
