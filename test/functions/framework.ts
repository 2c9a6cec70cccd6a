import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { freePort } from './free-port.ts'

const ROOT = resolve(import.meta.dirname, '../..')

export type Framework = {
  readonly url: string
  /** everything it has written to standard output and error */
  readonly output: () => string
  /** SIGTERM; the exit code, null if a signal ended it */
  readonly stop: () => Promise<number | null>
}

/** functions as it is deployed: the real Functions Framework in a process of its own. */
export async function startFramework(env: Readonly<Record<string, string>>): Promise<Framework> {
  const port = await freePort()
  const bin = resolve(ROOT, 'node_modules/.bin/functions-framework')
  const args = [bin, '--source', resolve(ROOT, 'functions'), '--target', 'api', '--port', String(port)]
  const child = spawn(process.execPath, args, {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      NODE_OPTIONS: `--import=${resolve(ROOT, 'functions/src/preload.ts')}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))

  const url = `http://127.0.0.1:${port}`
  const isUp = () =>
    fetch(`${url}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await isUp())) {
    if (child.exitCode !== null) throw new Error(output)
    await new Promise((again) => setTimeout(again, 20))
  }
  return {
    url,
    output: () => output,
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const [code] = (await gone) as [number | null]
      return code
    },
  }
}
