import { Server, ServerResponse } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { readSigpairConfig, readSigpairMode } from '../../../sigpair/src/config.ts'
import { type Sigpair, startSigpair } from '../../../sigpair/src/start.ts'
import { WebSocket } from 'ws'
import { type Moment, mortality, wrapMethod } from './mortal.ts'

/**
 * Sigpair as it ships, or a member or a gateway, in a process whose database, sockets and HTTP are wrapped from outside: it can be killed before and
 * after each commit, each frame and each call. Its own code knows nothing of that.
 */
export type ToSigpair = { readonly arm: Moment } | 'report'
export type FromSigpair =
  | { readonly started: { readonly url: string; readonly internalUrl: string } }
  | { readonly armed: Moment }
  | { readonly moments: readonly string[] }

const { around, arm, moments } = mortality()

const ifSo = (so: boolean, what: string, call: () => unknown) => (so ? around(what, call) : call())

wrapMethod(DatabaseSync.prototype, 'exec', ([sql], call) => ifSo(sql === 'COMMIT', 'write', call))
wrapMethod(WebSocket.prototype, 'send', (_, call) => around('frame out', call))
wrapMethod(WebSocket.prototype, 'emit', ([event], call) => ifSo(event === 'message', 'frame in', call))
wrapMethod(Server.prototype, 'emit', ([event], call) => ifSo(event === 'request', 'call', call))
wrapMethod(ServerResponse.prototype, 'end', (_, call) => around('answer', call))

const tell = (message: FromSigpair) => process.send?.(message)
process.on('message', (message: ToSigpair) => {
  if (message === 'report') return tell({ moments: moments() })
  arm(message.arm)
  return tell({ armed: message.arm })
})
process.on('disconnect', () => process.exit())

async function startAs(): Promise<Sigpair> {
  const mode = readSigpairMode()
  if (mode === 'member') {
    const { readMemberConfig } = await import('../../../sigpair/src/member/config.ts')
    const { startMember } = await import('../../../sigpair/src/member/start-member.ts')
    return startMember(readMemberConfig())
  }
  if (mode === 'gateway') {
    const { readGatewayConfig } = await import('../../../sigpair/src/gateway/config.ts')
    const { startGateway } = await import('../../../sigpair/src/gateway/start.ts')
    return startGateway(readGatewayConfig())
  }
  return startSigpair(readSigpairConfig())
}

const { url = '', internalUrl = '' } = await startAs()
tell({ started: { url, internalUrl } })
