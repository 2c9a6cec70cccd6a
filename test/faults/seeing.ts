import type { Platform } from '@tandem/client'
import { decodeMux, encodeMux } from '@tandem/wire'
import { wrapSocket } from './wrap-socket.ts'

/** A device that is told of these members only: as it would be if the others were away. */
export function seeing(platform: Platform, members: readonly number[] | undefined): Platform {
  if (members === undefined) return platform
  const hearing = (data: unknown, hear: (data: unknown) => void) => {
    const message = data instanceof ArrayBuffer ? decodeMux(new Uint8Array(data)) : undefined
    if (message?.type !== 'nodes') return hear(data)
    const nodes = message.nodes.filter((index) => members.includes(index))
    return hear(encodeMux({ type: 'nodes', nodes }).slice().buffer)
  }
  return { ...platform, connect: (url, subprotocols) => wrapSocket(platform.connect(url, subprotocols), { hearing }) }
}
