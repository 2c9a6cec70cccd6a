import { createHash } from 'node:crypto'
import { type Ref, ref, type Store } from '@tandem/store'
import { WireError } from '@tandem/wire'
import { appendUserAudit, PATIENT, readUserAudit } from './user-audit.ts'

/** What the backend knows of a wallet: public data only. */
export type Profile = {
  readonly profileId: string
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly name: string
  readonly keyId: string
  /** X, 33 bytes as hex */
  readonly publicKey: string
  /** 32 bytes as hex */
  readonly chainCode: string
  /** EIP-55 */
  readonly address: string
  /** ms since 1970 */
  readonly createdAt: number
}

/** What stays of a profile whose key was deleted: its key id is never used again. */
export type DeletedProfile = {
  readonly keyId: string
  /** ms since 1970 */
  readonly deletedAt: number
}

/** Profiles as one user sees them: another's does not exist here, because the user is part of the document's name. */
export type Profiles = {
  /**
   * The first writer wins; a repetition answers what the first one wrote.
   *
   * @throws {WireError} `KEY_DELETED` for a key whose profile was forgotten
   */
  readonly save: (profile: Profile) => Promise<Profile>
  /** @throws {WireError} `NOT_FOUND` */
  readonly require: (owner: string, profileId: string) => Promise<Profile>
  /** @throws {WireError} `NOT_FOUND` */
  readonly requireByKey: (owner: string, keyId: string) => Promise<Profile>
  /** @throws {WireError} `NOT_FOUND` */
  readonly rename: (owner: string, profileId: string, name: string) => Promise<Profile>
  /** Erases the profile and keeps that its key is deleted, in one transaction. Repeatable. */
  readonly forget: (profile: Profile) => Promise<void>
  readonly findDeleted: (owner: string, profileId: string) => Promise<DeletedProfile | undefined>
  /** oldest first */
  readonly list: (owner: string) => Promise<readonly Profile[]>
}

/** Shown at once; a user with more is no user of a wallet app. */
const MAX_LISTED = 100

const COLLECTION = 'profiles'

export function profiles(store: Store, now: () => number): Profiles {
  const find = async (owner: string, profileId: string) => {
    const doc = await store.get(refOf(owner, profileId))
    if (doc === undefined) throw new WireError('NOT_FOUND')
    return doc.data
  }
  return {
    save: (profile) =>
      store.transaction(async (tx) => {
        const { owner, profileId } = profile
        const saved = await tx.get(refOf(owner, profileId))
        const deleted = await tx.get(deletedAt(owner, profileId))
        const tail = await readUserAudit(tx, owner)
        if (deleted) throw new WireError('KEY_DELETED')
        if (saved) return saved.data
        tx.create(refOf(owner, profileId), profile)
        appendUserAudit(tx, tail, now(), { method: 'profile.create', metadata: { profileId, keyId: profile.keyId } })
        return profile
      }, PATIENT),
    require: find,
    requireByKey: (owner, keyId) => find(owner, profileIdOf(keyId)),
    rename: (owner, profileId, name) =>
      store.transaction(async (tx) => {
        const doc = await tx.get(refOf(owner, profileId))
        const tail = await readUserAudit(tx, owner)
        if (doc === undefined) throw new WireError('NOT_FOUND')
        const renamed = { ...doc.data, name }
        tx.update(refOf(owner, profileId), renamed)
        appendUserAudit(tx, tail, now(), { method: 'profile.rename', metadata: { profileId } })
        return renamed
      }, PATIENT),
    forget: ({ owner, profileId, keyId }) =>
      store.transaction(async (tx) => {
        const saved = await tx.get(refOf(owner, profileId))
        const deleted = await tx.get(deletedAt(owner, profileId))
        const tail = await readUserAudit(tx, owner)
        if (saved) tx.delete(refOf(owner, profileId))
        if (deleted) return
        tx.create(deletedAt(owner, profileId), { keyId, deletedAt: now() })
        appendUserAudit(tx, tail, now(), { method: 'profile.delete', metadata: { profileId, keyId } })
      }, PATIENT),
    findDeleted: async (owner, profileId) => (await store.get(deletedAt(owner, profileId)))?.data,
    list: async (owner) => {
      const page = await store.list<Profile>(COLLECTION, { limit: MAX_LISTED, prefix: `${userTag(owner)}:` })
      return page.docs.map(({ data }) => data).sort((a, b) => a.createdAt - b.createdAt)
    },
  }
}

/** One key, one profile, for ever: so a repeated commit meets its own profile. */
export function profileIdOf(keyId: string): string {
  const digest = createHash('sha256').update('tandem/profile/v1\n').update(keyId.toLowerCase()).digest()
  return `prf_${digest.subarray(0, 16).toString('base64url')}`
}

/** A user in a document's name: fixed length, whatever the issuer thinks of as a subject. */
export function userTag(user: string): string {
  return createHash('sha256').update(user).digest('base64url')
}

function refOf(owner: string, profileId: string): Ref<Profile> {
  return ref(COLLECTION, nameOf(owner, profileId))
}

function deletedAt(owner: string, profileId: string): Ref<DeletedProfile> {
  return ref('deleted-profiles', nameOf(owner, profileId))
}

const nameOf = (owner: string, profileId: string) => `${userTag(owner)}:${profileId}`
