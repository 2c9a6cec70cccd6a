import { join } from 'node:path'
import { loadOrCreateSigningKey, type PublicJwk } from '@tandem/service'
import { loadIdentity, type Stores } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { identityIn } from '../../infra/local/src/stack/committee-stack.ts'
import { freePort } from '../../infra/local/src/processes/ports.ts'
import { type Mortal, startMortal } from './mortal-process.ts'

/** Two of these sign. */
const MEMBERS = 3

export type MortalCommittee = {
  readonly members: readonly Mortal[]
  readonly gateway: Mortal
  /** internal HTTP of the gateway, and where devices find it */
  readonly url: string
  readonly deviceUrl: string
  readonly close: () => Promise<void>
}

type Options = {
  readonly directory: string
  /** what every Sigpair is told */
  readonly common: Readonly<Record<string, string>>
  readonly callers: { readonly functions: PublicJwk; readonly duoNode: PublicJwk }
  /** of member i, opened once more */
  readonly storesOf: (directory: string) => Stores
}

/** Three members and a gateway, each a process that can be told to die. */
export async function startMortalCommittee({ directory, common, storesOf }: Options): Promise<MortalCommittee> {
  const ports: number[] = []
  for (let i = 0; i < MEMBERS * 3 + 2; i++) ports.push(await freePort(ports))
  const places = Array.from({ length: MEMBERS }, (_, at) => {
    const identityFile = join(directory, `member-${at + 1}.jwk`)
    const [port, internalPort, meetPort] = ports.slice(3 * at)
    const folder = join(directory, `member-${at + 1}`)
    return { ...{ port, internalPort, identityFile, folder }, name: identityIn(identityFile).name, meetPort }
  })
  const signingKey = join(directory, 'gateway.jwk')
  const { publicJwk } = await loadOrCreateSigningKey(signingKey)
  const peers = places.map(({ name, meetPort }, at) => {
    return { name, label: `member ${at + 1}`, addresses: [`/ip4/127.0.0.1/tcp/${meetPort}`] }
  })
  const seat = { THRESHOLD: '2', PEERS: JSON.stringify(peers), GATEWAY_KEYS: JSON.stringify([publicJwk]) }
  const members = await Promise.all(
    places.map(async ({ port, internalPort, meetPort, identityFile, folder }) =>
      startMortal({
        ...{ ...common, ...seat, SIGPAIR_MODE: 'member', TRUSTED_PROXIES: '1', DATA_DIRECTORY: folder },
        ...{ PORT: String(port), INTERNAL_PORT: String(internalPort), NODE_IDENTITY_FILE: identityFile },
        LISTEN: `/ip4/127.0.0.1/tcp/${meetPort}`,
      }),
    ),
  )
  const pinned = await Promise.all(
    places.map(async ({ port, internalPort, name, folder }) => {
      const { exchange } = await loadIdentity(storesOf(folder))
      const [url, internalUrl] = [`ws://127.0.0.1:${port}`, `http://127.0.0.1:${internalPort}`]
      return { url, internalUrl, identity: name, publicKey: toHex(exchange.publicKey) }
    }),
  )
  const [port, internalPort] = ports.slice(-2)
  const gateway = await startMortal({
    ...{ ...common, SIGPAIR_MODE: 'gateway', THRESHOLD: '2', MEMBERS: JSON.stringify(pinned) },
    ...{ PORT: String(port), INTERNAL_PORT: String(internalPort), SIGNING_KEY_FILE: signingKey },
  })
  return {
    ...{ members, gateway, url: `http://127.0.0.1:${internalPort}`, deviceUrl: `ws://127.0.0.1:${port}` },
    close: async () => {
      await Promise.all([...members, gateway].map(async (one) => one.close()))
    },
  }
}

/** Folders of the members' databases. */
export const memberFolders = (directory: string): readonly string[] =>
  Array.from({ length: MEMBERS }, (_, at) => join(directory, `member-${at + 1}`))
