import { defaultPlatform, type Platform, type Socket } from '@tandem/client'

/** Where the network breaks: at a call, before it arrives or before its answer does; or in a dialogue, after some messages. */
export type Break = { readonly call: RegExp; readonly when: 'before' | 'after' } | { readonly dialogueAfter: number }

/** A network that works until it breaks, and then not at all until it is mended. */
export type BreakingNetwork = {
  readonly platform: Platform
  readonly breakAt: (where: Break) => void
  readonly mend: () => void
  /** messages that have come in dialogues since it was mended last */
  readonly heard: () => number
}

export function breakingNetwork(): BreakingNetwork {
  const platform = defaultPlatform()
  let where: Break | undefined
  let gone = false
  let heard = 0
  /** how far a call gets */
  const reachOf = (call: string): 'there and back' | 'one way' | 'nobody' => {
    if (gone) return 'nobody'
    if (where === undefined || !('call' in where) || !where.call.test(call)) return 'there and back'
    gone = true
    return where.when === 'before' ? 'nobody' : 'one way'
  }
  const hear = () => {
    heard++
    gone ||= where !== undefined && 'dialogueAfter' in where && heard > where.dialogueAfter
    return !gone
  }
  return {
    heard: () => heard,
    breakAt: (at) => {
      where = at
      heard = 0
    },
    mend: () => {
      where = undefined
      gone = false
      heard = 0
    },
    platform: {
      ...platform,
      connect: (url, subprotocols) => {
        if (gone) throw new Error('the network is gone')
        return lossy(platform.connect(url, subprotocols), hear)
      },
      fetch: async (url, request) => {
        const reach = reachOf(`${request.method} ${url}`)
        if (reach === 'nobody') throw new Error('the network is gone')
        const answer = await platform.fetch(url, request)
        if (reach === 'one way') throw new Error('the network is gone')
        return answer
      },
    },
  }
}

/** The same socket until a message is not heard: then it closes, as a phone that has left the building. */
function lossy(socket: Socket, hear: () => boolean): Socket {
  return {
    get binaryType() {
      return socket.binaryType
    },
    set binaryType(type) {
      socket.binaryType = type
    },
    get readyState() {
      return socket.readyState
    },
    set onopen(act: Socket['onopen']) {
      socket.onopen = act
    },
    set onclose(act: Socket['onclose']) {
      socket.onclose = act
    },
    set onerror(act: Socket['onerror']) {
      socket.onerror = act
    },
    set onmessage(act: Socket['onmessage']) {
      socket.onmessage = (event) => {
        if (hear()) act?.(event)
        else socket.close()
      }
    },
    send: (bytes) => {
      socket.send(bytes)
    },
    close: (code, reason) => {
      socket.close(code, reason)
    },
  }
}
