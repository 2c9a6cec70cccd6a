import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { cryptoHandlers } from './kms-crypto.ts'
import { destroyDue, keyHandlers } from './kms-keys.ts'
import { signHandlers } from './kms-sign.ts'
import type { SealKey } from './kms-seal.ts'
import { type CryptoKey, type KmsFile, newSigningVersion, newVersion, openKmsFile } from './kms-state.ts'
import { portOf, requireFreePort } from '../processes/ports.ts'

/** A KMS that listens on loopback. */
export type RunningKms = { readonly port: number; readonly close: () => Promise<void> }

/** The key whose first version signs checkpoints of the audit log. */
export const LOCAL_AUDIT_KEY = 'projects/local/locations/global/keyRings/tandem/cryptoKeys/audit'

/** The key that `npm start` wraps data keys with. */
export const LOCAL_KEY = 'projects/local/locations/global/keyRings/tandem/cryptoKeys/shares'

type Unary = (request: never) => unknown

/**
 * A small Cloud KMS for one machine: the real client talks to it over gRPC, without credentials, on loopback only. What
 * it does is what Tandem uses; everything else answers UNIMPLEMENTED. Anyone with an account on this machine can use
 * it: it keeps shares sealed at rest, and no secret from its neighbours.
 *
 * @param options.port 0 for any free one
 * @param options.file key material, mode 0600
 * @param options.sealKey seals that file; without it, it is in the clear
 * @param options.keys full names of crypto keys to make if they are not there
 *
 * Source: docs/spec/storage.md, 2.2 and 2.3, for what is asked of it.
 */
export async function startKms(options: {
  readonly port: number
  readonly file: string
  readonly sealKey?: SealKey | undefined
  readonly keys?: readonly string[]
  /** the same for keys that sign */
  readonly signingKeys?: readonly string[]
  readonly clock?: () => number
}): Promise<RunningKms> {
  const clock = options.clock ?? Date.now
  const file = openKmsFile(options.file, options.sealKey)
  destroyDue(file, clock())
  for (const name of options.keys ?? [LOCAL_KEY]) ensureKey(file, name, { primary: 1, versions: [newVersion(clock())] })
  for (const name of options.signingKeys ?? [LOCAL_AUDIT_KEY]) {
    ensureKey(file, name, { purpose: 'ASYMMETRIC_SIGN', primary: null, versions: [newSigningVersion(clock())] })
  }

  const server = new grpc.Server()
  server.addService(
    serviceDefinition(),
    serve({ ...keyHandlers(file, clock), ...cryptoHandlers(file), ...signHandlers(file) }),
  )
  if (options.port !== 0) await requireFreePort(portOf('the local KMS', options.port, 'kms-port', 'KMS_PORT'))
  const port = await bind(server, options.port)
  return {
    port,
    close: async () => {
      server.forceShutdown()
    },
  }
}

function bind(server: grpc.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
}

/** The client's own protocol description, so that both sides speak the same version of it. */
function serviceDefinition(): grpc.ServiceDefinition {
  const path = createRequire(import.meta.url).resolve('@google-cloud/kms/build/protos/protos.json')
  const description = JSON.parse(readFileSync(path, 'utf8')) as Parameters<typeof fromJSON>[0]
  const options = { longs: String, enums: String, defaults: true, oneofs: true }
  const service = fromJSON(description, options)['google.cloud.kms.v1.KeyManagementService']
  if (service === undefined || 'format' in service) throw new Error('no KeyManagementService in the client’s protos')
  return service
}

function serve(handlers: Readonly<Record<string, Unary>>): grpc.UntypedServiceImplementation {
  const unary =
    (handler: Unary): grpc.handleUnaryCall<unknown, unknown> =>
    ({ request }, callback) => {
      try {
        callback(null, handler(request as never))
      } catch (error) {
        callback(error as grpc.ServiceError)
      }
    }
  return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, unary(handler)]))
}

function ensureKey(file: KmsFile, name: string, key: Omit<CryptoKey, 'createdAt'>): void {
  const [, ring] = /^(projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+)\/cryptoKeys\/[^/]+$/.exec(name) ?? []
  if (ring === undefined) throw new Error(`not the name of a crypto key: ${name}`)
  const { keyRings, cryptoKeys } = file.state()
  if (cryptoKeys[name] !== undefined) return
  const createdAt = key.versions[0]?.createdAt ?? 0
  file.change({
    keyRings: { [ring]: { createdAt }, ...keyRings },
    cryptoKeys: { ...cryptoKeys, [name]: { ...key, createdAt } },
  })
}
