import type { protos } from '@google-cloud/kms'
import { status } from '@grpc/grpc-js'
import {
  type CryptoKey,
  cryptoKeyNamed,
  isSigningKey,
  type KeyVersion,
  type KmsFile,
  type KmsState,
  newSigningVersion,
  newVersion,
  refuse,
} from './kms-state.ts'

type V1 = typeof protos.google.cloud.kms.v1
type Plain<T extends keyof V1> = InstanceType<Extract<V1[T], abstract new (...args: never) => unknown>>

/** Cloud KMS destroys a version so long after it was told to; until then only its use is refused. */
const DESTROY_AFTER_MS = 30 * 24 * 3_600_000

const ID = /^[A-Za-z0-9_-]{1,63}$/

/** The administrative half of the service. */
export function keyHandlers(file: KmsFile, clock: () => number) {
  return { ...ringHandlers(file, clock), ...cryptoKeyHandlers(file, clock), ...versionHandlers(file, clock) }
}

function ringHandlers(file: KmsFile, clock: () => number) {
  return {
    createKeyRing: ({ parent, keyRingId }: Plain<'CreateKeyRingRequest'>) => {
      const name = `${parent}/keyRings/${checkId(keyRingId)}`
      const state = file.state()
      if (state.keyRings[name]) refuse(status.ALREADY_EXISTS, `KeyRing ${name} already exists.`)
      file.change({ ...state, keyRings: { ...state.keyRings, [name]: { createdAt: clock() } } })
      return ringOut(name, file.state())
    },
    getKeyRing: ({ name }: Plain<'GetKeyRingRequest'>) => ringOut(name, file.state()),
    listKeyRings: ({ parent }: Plain<'ListKeyRingsRequest'>) => {
      const keyRings = childrenOf(parent, file.state().keyRings).map((name) => ringOut(name, file.state()))
      return { keyRings, totalSize: keyRings.length }
    },
  }
}

function cryptoKeyHandlers(file: KmsFile, clock: () => number) {
  return {
    createCryptoKey: (request: Plain<'CreateCryptoKeyRequest'>) => {
      const { parent, cryptoKeyId, cryptoKey, skipInitialVersionCreation } = request
      const name = `${parent}/cryptoKeys/${checkId(cryptoKeyId)}`
      ringOut(parent, file.state())
      if (file.state().cryptoKeys[name]) refuse(status.ALREADY_EXISTS, `CryptoKey ${name} already exists.`)
      const purpose = purposeOf(cryptoKey)
      const versions = skipInitialVersionCreation ? [] : [versionFor(purpose, clock())]
      const primary = isSigningKey(purpose) ? null : versions.length || null
      return keyOut(name, put(file, name, { ...purpose, createdAt: clock(), primary, versions }))
    },
    getCryptoKey: ({ name }: Plain<'GetCryptoKeyRequest'>) => keyOut(name, cryptoKeyNamed(file.state(), name)),
    listCryptoKeys: ({ parent }: Plain<'ListCryptoKeysRequest'>) => {
      const all = file.state().cryptoKeys
      const cryptoKeys = childrenOf(parent, all).map((name) => keyOut(name, all[name]!))
      return { cryptoKeys, totalSize: cryptoKeys.length }
    },
    updateCryptoKeyPrimaryVersion: ({ name, cryptoKeyVersionId }: Plain<'UpdateCryptoKeyPrimaryVersionRequest'>) => {
      const { key, number, version } = versionNamed(file.state(), `${name}/cryptoKeyVersions/${cryptoKeyVersionId}`)
      requireEnabled(name, version)
      return keyOut(name, put(file, name, { ...key, primary: number }))
    },
  }
}

function versionHandlers(file: KmsFile, clock: () => number) {
  return {
    /** as Cloud KMS: a new version becomes primary only when it is told to */
    createCryptoKeyVersion: ({ parent }: Plain<'CreateCryptoKeyVersionRequest'>) => {
      const key = cryptoKeyNamed(file.state(), parent)
      const { versions } = put(file, parent, { ...key, versions: [...key.versions, versionFor(key, clock())] })
      return versionOut(`${parent}/cryptoKeyVersions/${versions.length}`, versions.at(-1)!, key)
    },
    getCryptoKeyVersion: ({ name }: Plain<'GetCryptoKeyVersionRequest'>) =>
      versionOut(name, versionNamed(file.state(), name).version, versionNamed(file.state(), name).key),
    listCryptoKeyVersions: ({ parent }: Plain<'ListCryptoKeyVersionsRequest'>) => {
      const key = cryptoKeyNamed(file.state(), parent)
      const out = key.versions.map((version, i) => versionOut(`${parent}/cryptoKeyVersions/${i + 1}`, version, key))
      return { cryptoKeyVersions: out, totalSize: out.length }
    },
    updateCryptoKeyVersion: ({ cryptoKeyVersion }: Plain<'UpdateCryptoKeyVersionRequest'>) => {
      const name = cryptoKeyVersion?.name ?? ''
      const wanted = String(cryptoKeyVersion?.state)
      const { state } = versionNamed(file.state(), name).version
      if (wanted !== 'ENABLED' && wanted !== 'DISABLED')
        return refuse(status.INVALID_ARGUMENT, 'state can be set to ENABLED or DISABLED only.')
      if (state !== 'ENABLED' && state !== 'DISABLED') return refuse(status.FAILED_PRECONDITION, `${name} is ${state}.`)
      return change(file, name, { state: wanted })
    },
    destroyCryptoKeyVersion: ({ name }: Plain<'DestroyCryptoKeyVersionRequest'>) => {
      const { version } = versionNamed(file.state(), name)
      if (version.destroyAt !== null) refuse(status.FAILED_PRECONDITION, `${name} is ${version.state}.`)
      return change(file, name, { state: 'DESTROY_SCHEDULED', destroyAt: clock() + DESTROY_AFTER_MS })
    },
  }
}

type Purpose = Pick<CryptoKey, 'purpose'>

/** @throws a gRPC error for a purpose or an algorithm we have no use for */
function purposeOf(wanted: Plain<'CreateCryptoKeyRequest'>['cryptoKey']): Purpose {
  const purpose = String(wanted?.purpose)
  if (purpose === 'ENCRYPT_DECRYPT') return {}
  const signs = purpose === 'ASYMMETRIC_SIGN' && String(wanted?.versionTemplate?.algorithm) === 'EC_SIGN_P256_SHA256'
  return signs
    ? { purpose }
    : refuse(status.INVALID_ARGUMENT, 'Keys of the local KMS encrypt, or sign EC_SIGN_P256_SHA256.')
}

const versionFor = (purpose: Purpose, now: number) => (isSigningKey(purpose) ? newSigningVersion(now) : newVersion(now))

const algorithmOf = (purpose: Purpose) =>
  isSigningKey(purpose) ? 'EC_SIGN_P256_SHA256' : 'GOOGLE_SYMMETRIC_ENCRYPTION'

function put(file: KmsFile, name: string, key: CryptoKey): CryptoKey {
  const state = file.state()
  file.change({ ...state, cryptoKeys: { ...state.cryptoKeys, [name]: key } })
  return key
}

function change(file: KmsFile, name: string, changes: Partial<KeyVersion>) {
  const { key, keyName, number } = versionNamed(file.state(), name)
  const versions = key.versions.map((version, i) => (i + 1 === number ? { ...version, ...changes } : version))
  return versionOut(name, put(file, keyName, { ...key, versions }).versions[number - 1]!, key)
}

/** Erases the material of versions whose time has come. Run when the file is opened. */
export function destroyDue(file: KmsFile, now: number): void {
  const state = file.state()
  const isDue = ({ destroyAt, material }: KeyVersion) => destroyAt !== null && destroyAt <= now && material !== null
  const keys = Object.entries(state.cryptoKeys)
  if (!keys.some(([, key]) => key.versions.some(isDue))) return
  const erased = keys.map(([name, key]) => {
    const versions = key.versions.map((v) => (isDue(v) ? { ...v, state: 'DESTROYED' as const, material: null } : v))
    return [name, { ...key, versions }] as const
  })
  file.change({ ...state, cryptoKeys: Object.fromEntries(erased) })
}

export function versionNamed(state: KmsState, name: string) {
  const [, keyName = '', digits = ''] = /^(.+)\/cryptoKeyVersions\/([1-9][0-9]{0,6})$/.exec(name) ?? []
  const key = cryptoKeyNamed(state, keyName)
  const number = Number(digits)
  const version = key.versions[number - 1] ?? refuse(status.NOT_FOUND, `CryptoKeyVersion ${name} not found.`)
  return { key, keyName, number, version }
}

export function requireEnabled(name: string, version: KeyVersion): void {
  if (version.state !== 'ENABLED')
    refuse(status.FAILED_PRECONDITION, `${name} is not enabled, current state is: ${version.state}.`)
}

function checkId(id: string): string {
  return ID.test(id) ? id : refuse(status.INVALID_ARGUMENT, 'An id is 1 to 63 letters, digits, _ and -.')
}

const childrenOf = (parent: string, all: Readonly<Record<string, unknown>>) =>
  Object.keys(all).filter((name) => name.startsWith(`${parent}/`))

function ringOut(name: string, state: KmsState) {
  const ring = state.keyRings[name] ?? refuse(status.NOT_FOUND, `KeyRing ${name} not found.`)
  return { name, createTime: timestamp(ring.createdAt) }
}

function keyOut(name: string, key: CryptoKey) {
  const { createdAt, primary, versions } = key
  const current = primary === null ? undefined : versions[primary - 1]
  return {
    name,
    purpose: isSigningKey(key) ? 'ASYMMETRIC_SIGN' : 'ENCRYPT_DECRYPT',
    createTime: timestamp(createdAt),
    versionTemplate: { protectionLevel: 'SOFTWARE', algorithm: algorithmOf(key) },
    ...(current === undefined ? {} : { primary: versionOut(`${name}/cryptoKeyVersions/${primary}`, current, key) }),
  }
}

function versionOut(name: string, { state, createdAt, destroyAt }: KeyVersion, key: Purpose) {
  return {
    name,
    state,
    protectionLevel: 'SOFTWARE',
    algorithm: algorithmOf(key),
    createTime: timestamp(createdAt),
    ...(destroyAt === null ? {} : { destroyTime: timestamp(destroyAt) }),
  }
}

const timestamp = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 })
