import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { freePort, startTestStack } from '../helpers/stack.ts'
import { progress, type Row } from './measure.ts'

/** Devices that are connected and silent: the second thousand costs what the first did, or it does not. */
const SOCKETS = [1_000, 5_000] as const

/** Connections being made at a time. */
const AT_A_TIME = 64

/**
 * What a silent device costs Sigpair in memory: resident set of its process with that many sockets open, less without any.
 * Sigpair closes each within its deadline, so all of them are there for a moment only.
 */
export async function socketRows(): Promise<Row[]> {
  const stack = await startTestStack()
  try {
    const rows: Row[] = []
    for (const count of SOCKETS) {
      const [port, internal] = [await freePort(), await freePort()]
      const sigpair = await stack.another('sigpair', {
        PORT: String(port),
        INTERNAL_PORT: String(internal),
        MAX_DIALOGUES: String(count + 1),
        MAX_DIALOGUES_PER_ADDRESS: String(count + 1),
      })
      progress(`${count} idle sockets`)
      rows.push({
        name: `idle_socket_of_${count}_kib`,
        value: await kibEach(`ws://127.0.0.1:${port}/v1/presign`, sigpair.pid(), count),
        unit: 'KiB',
      })
      await sigpair.stop()
    }
    return rows
  } finally {
    await stack.stop()
  }
}

async function kibEach(url: string, pid: number, count: number): Promise<number> {
  const before = residentKib(pid)
  const sockets: WebSocket[] = []
  let gone = 0
  const connect = async () => {
    while (sockets.length < count) {
      const socket = new WebSocket(url, 'tandem.v1', { perMessageDeflate: false })
      sockets.push(socket)
      socket.on('close', () => (gone += 1))
      await once(socket, 'open')
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, connect))
    const after = residentKib(pid)
    if (gone > 0) throw new Error(`${gone} of ${count} sockets were closed before the last was open`)
    return (after - before) / count
  } finally {
    for (const socket of sockets) socket.terminate()
  }
}

/** Linux only: where else would a server run. */
function residentKib(pid: number): number {
  const [, kib] = /VmRSS:\s+([0-9]+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib)
}
