import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Who wants a port, and how a user moves it. */
export type WantedPort = {
  readonly service: string
  readonly port: number
  readonly host: string
  /** without dashes: `kms-port` */
  readonly flag: string
  readonly variable: string
}

export function portOf(service: string, port: number, flag: string, variable: string): WantedPort {
  return { service, port, host: '127.0.0.1', flag, variable }
}

/** @throws {Error} that says who wants which port, and how to move it, unless it can be listened on */
export async function requireFreePort(wanted: WantedPort): Promise<void> {
  const code = await refusalOf(wanted.port, wanted.host)
  if (code !== undefined) throw new Error(messageFor(wanted, code))
}

/** Below the ports that systems hand out by themselves, so that nobody gets it before we listen on it. */
export async function freePort(taken: readonly number[] = []): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000)
    if (!taken.includes(port) && (await refusalOf(port, '127.0.0.1')) === undefined) return port
  }
}

function messageFor({ service, port, host, flag, variable }: WantedPort, code: string): string {
  const other = port < 60_000 ? port + 1_000 : port - 1_000
  const why =
    code === 'EADDRINUSE'
      ? `port ${port} is taken by another program`
      : code === 'EACCES'
        ? `port ${port} is reserved by the system`
        : `${host}:${port} cannot be listened on (${code})`
  const move = `npm start -- --${flag} ${other} (or ${variable}=${other})`
  return `${service} cannot start: ${why}. Stop that program, or move ${service}: ${move}.`
}

/** The code of the error that listening ends with, if it does. */
function refusalOf(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message)
    })
    probe.listen({ port, host, exclusive: true }, () => {
      probe.close(() => {
        resolve(undefined)
      })
    })
  })
}
