import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import {
  loadPackageDefinition,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  status,
  type GrpcObject,
} from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { crc32c, createKms, type Kms } from '@tandem/sigpair'

export const KEY_NAME = 'projects/test/locations/local/keyRings/ring/cryptoKeys/shares'

export type TestKms = {
  readonly client: Kms
  /** key name | host | port, for other processes */
  readonly address: string
  /** requests answered so far */
  readonly calls: () => number
  readonly stop: () => Promise<void>
}

type Fields = Record<string, unknown>

/** What the server does to its honest answers. */
export type Tamper = (answer: Fields) => Fields

/** Cloud KMS as far as Sigpair uses it, over real gRPC, with one key version in memory. It can be told to lie. */
export async function startKms(tamper: Tamper = (answer) => answer): Promise<TestKms> {
  const key = randomBytes(32)
  const server = new Server()
  let calls = 0
  const method =
    (work: (request: Fields) => Fields) => (call: ServerUnaryCall<Fields, Fields>, done: sendUnaryData<Fields>) => {
      calls++
      try {
        done(null, tamper(work(call.request)))
      } catch {
        done({ code: status.INVALID_ARGUMENT, details: 'Decryption failed: the ciphertext is invalid.' })
      }
    }
  server.addService(keyManagementService(), { encrypt: method(encrypt(key)), decrypt: method(decrypt(key)) })
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure())
  const client = createKms({ keyName: KEY_NAME, endpoint: '127.0.0.1', port, insecure: true })
  return {
    client,
    address: `${KEY_NAME}|127.0.0.1|${port}`,
    calls: () => calls,
    stop: async () => {
      await client.close()
      server.forceShutdown()
    },
  }
}

function keyManagementService() {
  const protos: unknown = createRequire(import.meta.url)('@google-cloud/kms/build/protos/protos.json')
  const types = loadPackageDefinition(fromJSON(protos as never, { keepCase: false }))
  const at = ['google', 'cloud', 'kms', 'v1'].reduce<GrpcObject>((folder, name) => folder[name] as GrpcObject, types)
  return (at['KeyManagementService'] as ServiceClientConstructor).service
}

const encrypt = (key: Uint8Array) => (request: Fields) => {
  const { plaintext, additionalAuthenticatedData: aad } = checked(request, 'plaintext', 'additionalAuthenticatedData')
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad!)
  const ciphertext = Buffer.concat([iv, cipher.update(plaintext!), cipher.final(), cipher.getAuthTag()])
  return {
    name: `${KEY_NAME}/cryptoKeyVersions/1`,
    ciphertext,
    ciphertextCrc32c: { value: crc32c(ciphertext) },
    verifiedPlaintextCrc32c: true,
    verifiedAdditionalAuthenticatedDataCrc32c: true,
  }
}

const decrypt = (key: Uint8Array) => (request: Fields) => {
  const { ciphertext, additionalAuthenticatedData: aad } = checked(request, 'ciphertext', 'additionalAuthenticatedData')
  const [iv, body, tag] = [ciphertext!.subarray(0, 12), ciphertext!.subarray(12, -16), ciphertext!.subarray(-16)]
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(aad!).setAuthTag(tag)
  const plaintext = Buffer.concat([decipher.update(body), decipher.final()])
  return { plaintext, plaintextCrc32c: { value: crc32c(plaintext) } }
}

/** Fields of a request whose checksums hold. */
function checked(request: Fields, ...names: readonly string[]): Record<string, Buffer> {
  return Object.fromEntries(
    names.map((name) => {
      const bytes = request[name] as Buffer
      const sum = request[`${name}Crc32c`] as { readonly value: { toNumber(): number } | number } | null
      const value = typeof sum?.value === 'number' ? sum.value : sum?.value.toNumber()
      if (value !== crc32c(bytes)) throw new Error('checksum')
      return [name, bytes]
    }),
  )
}
