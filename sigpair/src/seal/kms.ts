import type { KeyManagementServiceClient } from '@google-cloud/kms'
import { UsageError } from '@tandem/rounds'
import { isLoopback } from '@tandem/service'
import { WireError } from '@tandem/wire'
import { crc32c } from './crc32c.ts'

export type KmsOptions = {
  /** projects/…/locations/…/keyRings/…/cryptoKeys/… */
  readonly keyName: string
  /** host of the API; Google's own when absent */
  readonly endpoint?: string
  readonly port?: number
  /** plain TCP without credentials: for the local KMS on loopback, nothing else */
  readonly insecure?: boolean
}

/** Wraps and unwraps data keys. `aad` is authenticated with the key: the same bytes must come back to unwrap. */
export type Kms = {
  /** @returns the wrapped key and the full name of the key version that wrapped it */
  wrap(key: Uint8Array, aad: Uint8Array): Promise<{ readonly wrappedKey: Uint8Array; readonly kek: string }>
  unwrap(wrappedKey: Uint8Array, kek: string, aad: Uint8Array): Promise<Uint8Array>
  /**
   * Signs with a key version of algorithm EC_SIGN_P256_SHA256.
   *
   * @param version full name of the key version
   * @param digest SHA-256 of what is signed
   * @returns the signature, DER
   */
  sign(version: string, digest: Uint8Array): Promise<Uint8Array>
  /** The public key of such a version: SPKI, PEM. */
  publicKey(version: string): Promise<string>
  close(): Promise<void>
}

/** Google's client retries UNAVAILABLE until its total timeout, a minute by default; a caller of ours waits 15 s at most. */
const CALL = { timeout: 3_000 }

/** A damaged answer is asked for again this often. Source: Cloud KMS data integrity guidelines. */
const ATTEMPTS = 3

const INVALID_ARGUMENT = 3

const ALGORITHM = 'EC_SIGN_P256_SHA256'

/**
 * The real Cloud KMS client, loaded on first use: it costs 140 ms that a start without traffic need not pay.
 *
 * All functions @throws {WireError} `INVALID_KEY_SHARE` when KMS says that ciphertext and aad do not belong together,
 * `UNAVAILABLE` for everything else, an answer that fails its checksums included
 *
 * @throws {UsageError} for plain TCP to another machine
 *
 * Source: docs/spec/storage.md, section 2.
 */
export function createKms(options: KmsOptions): Kms {
  const { keyName, endpoint, insecure } = options
  if (insecure && !isLoopback(`http://${endpoint ?? 'kms'}`))
    throw new UsageError('KMS without TLS is for loopback only')
  let connecting: Promise<KeyManagementServiceClient> | undefined
  const client = async () => {
    connecting ??= connect(options).catch((cause: unknown) => {
      connecting = undefined // the next call tries again
      throw cause
    })
    return connecting
  }

  return {
    wrap: async (key, aad) => intact(async () => encrypt(await client(), keyName, key, aad)),
    async unwrap(wrappedKey, kek, aad) {
      if (!kek.startsWith(`${keyName}/cryptoKeyVersions/`)) throw new WireError('INVALID_KEY_SHARE')
      return intact(async () => decrypt(await client(), keyName, wrappedKey, aad))
    },
    sign: async (version, digest) => intact(async () => sign(await client(), version, digest)),
    publicKey: async (version) => intact(async () => publicKey(await client(), version)),
    async close() {
      await (await connecting?.catch(() => undefined))?.close()
    },
  }
}

async function connect({ endpoint, port, insecure }: KmsOptions): Promise<KeyManagementServiceClient> {
  const { KeyManagementServiceClient: Client } = await import('@google-cloud/kms')
  const address = { ...(endpoint && { apiEndpoint: endpoint }), ...(port && { port }) }
  const client = new Client({ ...address, ...(insecure && (await plain())) })
  // Here and not at the first call, which would throw the lack of credentials at nobody and end the process.
  await inTime(client.initialize())
  return client
}

async function plain() {
  const { credentials } = await import('@grpc/grpc-js')
  // With the domain given nobody looks for credentials, on this machine or at Google's metadata server.
  const clientOptions = { universeDomain: 'googleapis.com' }
  return { sslCreds: credentials.createInsecure(), projectId: 'local', clientOptions }
}

/** The search for credentials asks other machines, and has no time limit of its own. */
async function inTime(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no credentials within ${CALL.timeout} ms`)), CALL.timeout)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

async function encrypt(client: KeyManagementServiceClient, name: string, key: Uint8Array, aad: Uint8Array) {
  const [answer] = await client.encrypt(
    {
      name,
      plaintext: key,
      plaintextCrc32c: { value: crc32c(key) },
      additionalAuthenticatedData: aad,
      additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
    },
    CALL,
  )
  const wrappedKey = bytesOf(answer.ciphertext)
  const kek = answer.name ?? ''
  const whole =
    answer.verifiedPlaintextCrc32c === true &&
    answer.verifiedAdditionalAuthenticatedDataCrc32c === true &&
    Number(answer.ciphertextCrc32c?.value) === crc32c(wrappedKey) &&
    kek.startsWith(`${name}/cryptoKeyVersions/`)
  return whole ? { wrappedKey, kek } : undefined
}

async function decrypt(client: KeyManagementServiceClient, name: string, wrappedKey: Uint8Array, aad: Uint8Array) {
  const [answer] = await client.decrypt(
    {
      name,
      ciphertext: wrappedKey,
      ciphertextCrc32c: { value: crc32c(wrappedKey) },
      additionalAuthenticatedData: aad,
      additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
    },
    CALL,
  )
  const key = bytesOf(answer.plaintext)
  return Number(answer.plaintextCrc32c?.value) === crc32c(key) ? key : undefined
}

async function sign(client: KeyManagementServiceClient, name: string, digest: Uint8Array) {
  const [answer] = await client.asymmetricSign(
    { name, digest: { sha256: digest }, digestCrc32c: { value: crc32c(digest) } },
    CALL,
  )
  const signature = bytesOf(answer.signature)
  const whole =
    answer.name === name &&
    answer.verifiedDigestCrc32c === true &&
    Number(answer.signatureCrc32c?.value) === crc32c(signature)
  return whole ? signature : undefined
}

async function publicKey(client: KeyManagementServiceClient, name: string) {
  const [{ name: named, pem, pemCrc32c, algorithm }] = await client.getPublicKey({ name }, CALL)
  if (algorithm !== ALGORITHM) throw new UsageError(`${name} is not a key of algorithm ${ALGORITHM}`)
  return named === name && pem && Number(pemCrc32c?.value) === crc32c(Buffer.from(pem)) ? pem : undefined
}

/** Runs `call` until its answer is whole, which it says by not being undefined. */
async function intact<T>(call: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await call().catch(refuse)
    if (answer !== undefined) return answer
  }
  throw new WireError('UNAVAILABLE', undefined, { cause: new Error('KMS answers fail their checksums') })
}

function refuse(cause: unknown): never {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  throw new WireError(code === INVALID_ARGUMENT ? 'INVALID_KEY_SHARE' : 'UNAVAILABLE', undefined, { cause })
}

/** A copy of our own: protobuf hands out views into a shared pool. */
function bytesOf(field: Uint8Array | string | null | undefined): Uint8Array {
  return field instanceof Uint8Array ? Uint8Array.from(field) : new Uint8Array()
}
