import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The first program of that name on the PATH, of those that `accept` takes. */
export function onPath(name: string, accept: (folder: string) => boolean = () => true): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '' && accept(folder))
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
