import { join } from 'node:path'
import { issueServiceToken, loadOrCreateSigningKey } from '@tandem/service'
import { cloudPublicKeyResponse } from '@tandem/wire'
import { identityIn } from './committee-stack.ts'
import { LOCAL_KEY } from '../kms/kms.ts'
import { freePort } from '../processes/ports.ts'
import type { Service } from '../processes/service-process.ts'
import type { ServicePlan } from './services.ts'
import type { Teller } from '../story/tell.ts'

/** Any two of three sign with the device. */
const MEMBERS = 3
const THRESHOLD = 2

const indices = Array.from({ length: MEMBERS }, (_, at) => at + 1)

const kmsKeyOf = (index: number) => LOCAL_KEY.replace(/[^/]+$/, `member-${index}`)

/** Each member has its own. */
export const MEMBER_KMS_KEYS: readonly string[] = indices.map(kmsKeyOf)

/** In Sigpair's place: who it is started as, and who is behind it. */
export type InSigpairsPlace = {
  readonly gateway: { readonly plan: ServicePlan; readonly service: Service }
  readonly members: readonly Service[]
}

export type MemberDeps = {
  /** databases and keys */
  readonly directory: string
  readonly run: (plan: ServicePlan, logName: string) => Promise<Service>
  readonly tell: Pick<Teller, 'step'>
}

/** A member's ports and name, before anything runs. */
type Place = {
  readonly index: number
  readonly port: number
  readonly internalPort: number
  /** where the other members find it */
  readonly meetPort: number
  readonly identityFile: string
  /** Ed25519, 0x-hex */
  readonly name: string
}

/** Starts members as processes, each with databases and a KMS key of its own, and a gateway where Sigpair would be. */
export async function startInSigpairsPlace(pair: ServicePlan, deps: MemberDeps): Promise<InSigpairsPlace> {
  const { directory, run, tell } = deps
  const places = await plannedPlaces(directory)
  const gatewayKey = join(directory, 'gateway.jwk')
  const { publicJwk } = await loadOrCreateSigningKey(gatewayKey)
  const common = {
    ...pair.env,
    HOST: '127.0.0.1',
    TRUSTED_PROXIES: '1',
    THRESHOLD: String(THRESHOLD),
    PEERS: JSON.stringify(
      places.map(({ index, name, meetPort }) => {
        return { name, label: `member ${index}`, addresses: [`/ip4/127.0.0.1/tcp/${meetPort}`] }
      }),
    ),
    GATEWAY_KEYS: JSON.stringify([publicJwk]),
  }
  const members = await tell.step(
    `${MEMBERS} members, ${THRESHOLD} of which sign`,
    async () =>
      Promise.all(
        places.map(async (place) => {
          const service = await run(memberPlan(pair, place, directory, common), `member-${place.index}`)
          return { ...service, name: `member ${place.index}` }
        }),
      ),
    () => places.map(({ port }) => `:${port}`).join(' '),
  )
  const pinned = await Promise.all(places.map(async (place) => pinnedMember(place, directory)))
  const plan = {
    ...pair,
    args: [...pair.args, '--mode', 'gateway'],
    env: {
      ...pair.env,
      MEMBERS: JSON.stringify(pinned),
      THRESHOLD: String(THRESHOLD),
      SIGNING_KEY_FILE: gatewayKey,
    },
  }
  const url = `ws://${pair.env['HOST']}:${pair.env['PORT']}`
  const service = await tell.step(
    'gateway',
    async () => run(plan, 'gateway'),
    () => url,
  )
  return { gateway: { plan, service }, members }
}

async function plannedPlaces(directory: string): Promise<readonly Place[]> {
  const taken: number[] = []
  const port = async () => {
    const found = await freePort(taken)
    taken.push(found)
    return found
  }
  const places: Place[] = []
  for (const index of indices) {
    const identityFile = join(directory, `member-${index}.jwk`)
    const { name } = identityIn(identityFile)
    places.push({ index, identityFile, name, port: await port(), internalPort: await port(), meetPort: await port() })
  }
  return places
}

function memberPlan(
  pair: ServicePlan,
  { index, port, internalPort, meetPort, identityFile }: Place,
  directory: string,
  common: ServicePlan['env'],
): ServicePlan {
  return {
    ...pair,
    args: [...pair.args, '--mode', 'member'],
    env: {
      ...common,
      PORT: String(port),
      INTERNAL_PORT: String(internalPort),
      LISTEN: `/ip4/127.0.0.1/tcp/${meetPort}`,
      NODE_IDENTITY_FILE: identityFile,
      DATA_DIRECTORY: join(directory, `member-${index}`),
      KMS_KEY: kmsKeyOf(index),
    },
  }
}

/** As a gateway is configured with it. The member makes its X25519 key itself, and is asked for it as the backend would. */
async function pinnedMember({ port, internalPort }: Place, directory: string): Promise<object> {
  const internalUrl = `http://127.0.0.1:${internalPort}`
  const call = { method: 'GET', path: '/internal/identity', body: new Uint8Array() }
  const tokenOf = async (issuer: 'functions' | 'duo-node') => {
    const key = await loadOrCreateSigningKey(join(directory, `${issuer}.jwk`))
    return issueServiceToken(key, { issuer, subject: 'system', audience: ['sigpair'] }, call)
  }
  const headers = {
    authorization: `Bearer ${await tokenOf('duo-node')}`,
    'x-tandem-caller': await tokenOf('functions'),
  }
  const answer = await fetch(`${internalUrl}${call.path}`, { headers, signal: AbortSignal.timeout(10_000) })
  const { publicKey, identity } = cloudPublicKeyResponse.parse(await answer.json())
  return { url: `ws://127.0.0.1:${port}`, internalUrl, identity, publicKey }
}
