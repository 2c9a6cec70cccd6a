import { createDrain, createLog } from '@tandem/service'
import { partyIndex } from '@tandem/rounds'
import { acceptHandshake, canonicalJson, fromUtf8, hello as helloSchema, toHex, utf8, WireError } from '@tandem/wire'
import { openDialogue } from '../../shared/client/src/dialogue/dialogue.ts'
import { openLegs } from '../../shared/client/src/dialogue/legs.ts'
import { createIdentity, openIdentity } from '../../shared/client/src/identity.ts'
import { defaultPlatform, type Platform } from '../../shared/client/src/platform.ts'
import { COMMITTEE, dialMember } from '../../sigpair/src/gateway/channel-ws.ts'
import { relay } from '../../sigpair/src/gateway/relay.ts'
import { type DeviceServer, listenForDevices, listenForSockets, type Serve } from '../../sigpair/src/server.ts'
import type { DeviceSocket } from '../../sigpair/src/dialogue/channel-ws.ts'
import { keyPair } from '../wire/fixtures.ts'
import { rng } from '../helpers/sigpair.ts'

// Versions that do not exist yet, on both sides of the code that will choose them.

const servers: DeviceServer[] = []
const exchange = keyPair(rng(32))
const identity = rng(32)
const log = createLog({ name: 'test', level: 'silent' })

afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => server.close(0)))
})

const listening = () => ({
  ...{ name: 'test', host: '127.0.0.1', port: 0, rules: { hosts: ['127.0.0.1'], origins: [], proxies: 0 } },
  bounds: { sockets: 8, perAddress: 8, pingMs: 30_000 },
  drain: createDrain(),
  http: async (_request: unknown, response: { end: () => unknown }) => void response.end(),
})

/** Answers the handshake in the agreed version, and says in its answer which that is. */
const greet: Serve<DeviceSocket> = async (socket, { operation, agreement }) => {
  try {
    const message1 = await socket.next()
    const device = acceptHandshake({ operation, agreement, sigpairStatic: exchange, message1, rng })
    const { committee } = helloSchema.parse(JSON.parse(fromUtf8(device.hello)))
    const answer = { identity: toHex(identity), count: agreement.version, ...stageOf(committee?.stageId) }
    socket.send(device.answer(utf8(canonicalJson(answer))).message2)
    await socket.gone
  } catch (error) {
    socket.close(error instanceof WireError && error.code === 'UNAUTHENTICATED' ? 4001 : 1011, '')
  }
}

const stageOf = (stageId: string | undefined) => (stageId === undefined ? {} : { stageId })

async function sigpair(versions: readonly number[]): Promise<string> {
  const server = await listenForDevices({ ...listening(), versions, serve: greet })
  servers.push(server)
  return server.url
}

async function gateway(versions: readonly number[], members: readonly string[]): Promise<string> {
  const deps = {
    ...{ members: members.length, threshold: 2, log, deadlines: { legMs: 5_000, idleMs: 5_000, dialogueMs: 5_000 } },
    reached: async () => members.map((_, at) => at + 1),
    dial: (index: number, arrival: Parameters<typeof dialMember>[1] & { readonly operation: string }) =>
      dialMember(`${members[index - 1]}/v1/${arrival.operation}`, arrival, 5_000),
  }
  const serve = async (...[device, arrival]: Parameters<Serve<Parameters<typeof relay>[1]>>) =>
    relay(deps, device, arrival)
  const server = await listenForSockets({ ...listening(), versions, serve }, COMMITTEE)
  servers.push(server)
  return server.url
}

/** A stranger between device and server, who changes what is offered or what the device believes was chosen. */
type Stranger = { readonly passes?: (name: string) => boolean; readonly claims?: string }

function platformBehind({ passes = () => true, claims }: Stranger): Platform {
  const platform = defaultPlatform()
  const connect: Platform['connect'] = (url, subprotocols) => {
    const socket = platform.connect(url, subprotocols.filter(passes))
    if (claims !== undefined) Object.defineProperty(socket, 'protocol', { value: claims })
    return socket
  }
  return { ...platform, connect }
}

const about = (sigpairUrl: string, versions: readonly number[]) => ({
  ...{ sigpairUrl, versions, ticket: 'a.b.c', hello: { op: 'keygen' as const } },
  device: openIdentity(createIdentity(rng)),
})

async function dial(sigpairUrl: string, versions: readonly number[], stranger: Stranger = {}): Promise<number> {
  const member = { index: partyIndex(2), exchange: exchange.publicKey, identity }
  const asked = { ...about(sigpairUrl, versions), member, self: partyIndex(1) }
  const dialogue = await openDialogue(platformBehind(stranger), asked)
  dialogue.close()
  return dialogue.answer.count!
}

async function dialAll(sigpairUrl: string, versions: readonly number[], stranger: Stranger = {}) {
  const nodes = [1, 2].map(() => ({ exchange: exchange.publicKey, identity }))
  const keys = { exchange: exchange.publicKey, identity, committee: { threshold: 2, nodes } }
  const legs = await openLegs(platformBehind(stranger), { ...about(sigpairUrl, versions), keys })
  legs.close()
  return [...legs.each.values()].map(({ answer }) => answer.count)
}

const refusal = async (act: Promise<unknown>) =>
  act.then(
    () => 'no refusal',
    (error: { code: string }) => error.code,
  )

describe('between a device and Sigpair', () => {
  test.each([
    [[1], [1], 1],
    [[1], [1, 2], 1],
    [[1, 2], [1], 1],
    [[1, 2], [1, 2], 2],
    [[2, 3], [1, 2], 2],
    [[1, 2, 4], [2, 3], 2],
  ])('versions %j and %j make %i', async (offered, served, version) => {
    expect(await dial(await sigpair(served), offered)).toBe(version)
  })

  test('without a common version the device hears which ones would do, and what its user can do', async () => {
    const older = dial(await sigpair([1]), [2])
    await expect(older).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED', details: 'served: 1' })
    const newer = dial(await sigpair([2, 3]), [1])
    await expect(newer).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED', details: 'served: 2, 3' })
    await expect(newer).rejects.toThrow('update the app')
  })

  test('an offer that was taken out on the way is noticed', async () => {
    const url = await sigpair([1, 2])
    const stripped = { passes: (name: string) => name !== 'tandem.v2' }
    expect(await refusal(dial(url, [1, 2], stripped))).toBe('UNAUTHENTICATED')
    expect(await refusal(dial(url, [1, 2, 3], { passes: (name) => name !== 'tandem.v3' }))).toBe('UNAUTHENTICATED')
    expect(await refusal(dial(url, [1, 2], { claims: 'tandem.v1' }))).toBe('UNAUTHENTICATED')
    expect(await refusal(dial(url, [1, 2], { ...stripped, claims: 'tandem.v2' }))).toBe('UNAUTHENTICATED')
  })

  test('a choice that was never offered is no choice', async () => {
    const url = await sigpair([1, 2, 3])
    expect(await refusal(dial(url, [1, 2], { claims: 'tandem.v3' }))).toBe('VERSION_UNSUPPORTED')
    expect(await refusal(dial(url, [1, 2], { claims: '' }))).toBe('VERSION_UNSUPPORTED')
  })
})

describe('through a gateway', () => {
  const members = async (...each: readonly (readonly number[])[]) => Promise.all(each.map(sigpair))

  test.each([
    [[1], [1, 2], 1],
    [[1, 2], [1], 1],
    [[1, 2], [1, 2], 2],
  ])('versions %j and %j make %i on every leg', async (offered, served, version) => {
    const url = await gateway(served, await members(served, served))
    expect(await dialAll(url, offered)).toEqual([version, version])
  })

  test('without a common version the device hears which ones would do', async () => {
    const dialled = dialAll(await gateway([1], await members([1], [1])), [2])
    await expect(dialled).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED', details: 'served: 1' })
  })

  test('a member of other versions than the gateway ends its leg, and says why', async () => {
    const apart = dialAll(await gateway([1, 2], await members([1, 2], [1])), [1, 2])
    await expect(apart).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED', members: [2] })
    const older = dialAll(await gateway([1, 2], await members([1], [1])), [2])
    await expect(older).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED' })
  })

  test('an offer that was taken out on the way, or by the gateway, is noticed by the members', async () => {
    const url = await gateway([1, 2], await members([1, 2], [1, 2]))
    const stripped = { passes: (name: string) => name !== 'tandem.committee.v2' }
    expect(await refusal(dialAll(url, [1, 2], stripped))).toBe('UNAUTHENTICATED')
    const mean = await gateway([1], await members([1, 2], [1, 2]))
    expect(await refusal(dialAll(mean, [1, 2]))).toBe('VERSION_UNSUPPORTED')
  })
})
