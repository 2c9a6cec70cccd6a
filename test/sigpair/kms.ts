import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { LOCAL_KEY, startKms as startLocalKms } from '@tandem/local'
import { createKms, type Kms } from '@tandem/sigpair'

/** The real client, talking to the local KMS. */
export type TestKms = {
  readonly client: Kms
  readonly port: number
  /** key name | host | port, for other processes */
  readonly address: string
  readonly stop: () => Promise<void>
}

export async function startKms(): Promise<TestKms> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kms-'))
  const server = await startLocalKms({ port: 0, file: join(folder, 'kms.json') })
  const client = clientOf(server.port)
  return {
    client,
    port: server.port,
    address: `${LOCAL_KEY}|127.0.0.1|${server.port}`,
    stop: async () => {
      await client.close()
      await server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export function clientOf(port: number): Kms {
  return createKms({ keyName: LOCAL_KEY, endpoint: '127.0.0.1', port, insecure: true })
}

type Fields = Record<string, unknown>

/** What a liar makes of an honest answer. */
export type Tamper = (answer: Fields) => Fields

export type LyingKms = { readonly client: Kms; readonly calls: () => number; readonly stop: () => Promise<void> }

/** Stands between the client and an honest KMS, and changes what it answers. */
export async function startLiar(honest: TestKms, tamper: Tamper): Promise<LyingKms> {
  const service = kmsService()
  const Stub = grpc.makeGenericClientConstructor(service, 'kms')
  const upstream = new Stub(`127.0.0.1:${honest.port}`, grpc.credentials.createInsecure())
  const server = new grpc.Server()
  let calls = 0
  const relay = (name: string): grpc.handleUnaryCall<Fields, Fields> => {
    return ({ request }, done) => {
      calls++
      const forward = upstream[name] as (request: Fields, done: grpc.requestCallback<Fields>) => void
      forward.call(upstream, request, (error, answer) => done(error, answer && tamper(answer)))
    }
  }
  const names = ['encrypt', 'decrypt', 'asymmetricSign', 'getPublicKey']
  server.addService(service, Object.fromEntries(names.map((name) => [name, relay(name)])))
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, at: number) => (error ? reject(error) : resolve(at))
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), bound)
  })
  const client = clientOf(port)
  return {
    client,
    calls: () => calls,
    stop: async () => {
      await client.close()
      upstream.close()
      server.forceShutdown()
    },
  }
}

function kmsService(): grpc.ServiceDefinition {
  const path = createRequire(import.meta.url).resolve('@google-cloud/kms/build/protos/protos.json')
  const description = JSON.parse(readFileSync(path, 'utf8')) as Parameters<typeof fromJSON>[0]
  const service = fromJSON(description, { longs: String, defaults: true })['google.cloud.kms.v1.KeyManagementService']
  if (service === undefined || 'format' in service) throw new Error('no KeyManagementService in the client’s protos')
  return service
}
