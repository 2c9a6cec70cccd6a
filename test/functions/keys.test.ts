import {
  type BackupResponse,
  type DrillResponse,
  type ExportResponse,
  type FreezeResponse,
  type ProfileResponse,
  type RestoreResponse,
  type RotateKeyResponse,
  type SealedShare,
  type StageResponse,
} from '@tandem/wire'
import { honest } from './key-holder.ts'
import { BACKUP, EXPORT_ID, NOT_BEFORE, RESTORE_ID } from './keys-at-holder.ts'
import { GUARDED, intentOf, type Owner, random, RECOVERY_KEY, send, stageOf, startOwner } from './keys-world.ts'
import { startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(() => world.close())

const requestOf = (as: (typeof GUARDED)[number]['as'], owner: Owner) => GUARDED.find((one) => one.as === as)!.ask(owner)

const profileOf = async ({ user, profileId }: Owner) =>
  (await world.call<ProfileResponse>(user, 'GET', `/api/v1/profiles/${profileId}`)).body

describe('rotation', () => {
  test('puts the staged epoch in force and answers the same address, the receipt and the record', async () => {
    const owner = await startOwner(world, 'rotator')
    const request = requestOf('rotate', owner)
    const { status, body } = await send<RotateKeyResponse>(world, owner.user, request, { twoFactorCode: owner.code() })
    const { stageId } = request.body as { stageId: string }
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { status: 'rotated', address: owner.address, epoch: 1, receipt: { stageId }, rotation: { from: 0, to: 1 } },
    })
    expect(await profileOf(owner)).toMatchObject({ epoch: 1, sessionWalletAddress: owner.address })
  })

  test('a stage that is in force needs no code, whoever committed it: receipt and record are the same', async () => {
    const owner = await startOwner(world, 'again')
    const request = requestOf('rotate', owner)
    const first = await send(world, owner.user, request, { twoFactorCode: owner.code() })
    const later = { ...request, body: { ...request.body, intent: intentOf(owner, 'rotate') } }
    expect(await send(world, owner.user, later)).toMatchObject({ status: 200, body: first.body })
  })

  test('is refused as ours if Sigpair speaks of another key', async () => {
    const owner = await startOwner(world, 'confused')
    world.keys.meddle = async (operation, answer) =>
      operation === 'rotate' ? { ...answer, keyId: random(32) } : answer
    const answer = await send(world, owner.user, requestOf('rotate', owner), { twoFactorCode: owner.code() })
    expect(answer.body.error).toBe('INTERNAL')
  })

  test('a stage tells what became of it, and can be given up, also before there is a profile', async () => {
    const key = world.keys.addKey(world.issuer.userOf('early'), 'PENDING')
    const stageId = random(32)
    key.stages.set(stageId, 'staged')
    const path = `/api/v1/mpc/keys/${key.keyId}/stages/${stageId}?epoch=0`
    const ask = async (method: string) => (await world.call<StageResponse>('early', method, path)).body
    expect(await ask('GET')).toEqual({ fate: 'staged' })
    expect(await ask('DELETE')).toMatchObject({ fate: 'aborted', aborted: { stageId } })
    expect(await ask('GET')).toMatchObject({ fate: 'aborted', aborted: { stageId } })
    expect(await ask('DELETE')).toMatchObject({ fate: 'aborted' })
    expect((await world.call('eve', 'GET', path)).body.error).toBe('NOT_FOUND')
    expect((await world.call('eve', 'DELETE', path)).body.error).toBe('NOT_FOUND')
    expect((await world.call('early', 'GET', path.replace('epoch=0', 'epoch=-1'))).status).toBe(400)
  })
})

describe('backups', () => {
  test('a backup is Sigpair’s, and the profile shows its hash and the enrolled key', async () => {
    const owner = await startOwner(world, 'keeper')
    expect(await profileOf(owner)).not.toHaveProperty('backup')
    const request = requestOf('backup', owner)
    const { body } = await send<BackupResponse>(world, owner.user, request, { twoFactorCode: owner.code() })
    expect(body).toEqual({ ...BACKUP, epoch: 0, encryptedData: 'A'.repeat(22_038) })
    const { verificationHash } = BACKUP
    expect(await profileOf(owner)).toMatchObject({ recoveryKey: RECOVERY_KEY, backup: { verificationHash } })
  })

  test('another recovery key is in force later', async () => {
    const owner = await startOwner(world, 'changer')
    const request = requestOf('recovery-key', owner)
    const { body } = await send(world, owner.user, request, { twoFactorCode: owner.code() })
    expect(body).toEqual({ encryptionKey: RECOVERY_KEY, notBefore: NOT_BEFORE })
  })

  test('a drill needs no code: nothing is signed', async () => {
    const owner = await startOwner(world, 'driller')
    const request = { profileId: owner.profileId, challenge: random(32) }
    const { body } = await world.call<DrillResponse>(owner.user, 'POST', '/api/v1/mpc/drill', request)
    expect(body).toMatchObject({ epoch: 0, publicShare: owner.key.signer.compressedPublicKey })
  })
})

describe('export', () => {
  test('is asked for with a code, confirmed by the device, and shown for ever', async () => {
    const owner = await startOwner(world, 'exporter')
    const request = requestOf('export', owner)
    const asked = await send<ExportResponse>(world, owner.user, request, { twoFactorCode: owner.code() })
    expect(asked).toMatchObject({ status: 202, body: { exportId: EXPORT_ID, notBefore: NOT_BEFORE } })
    const confirm = { profileId: owner.profileId, intent: intentOf(owner, 'export-confirm') }
    const path = `/api/v1/mpc/export/${EXPORT_ID}/confirm`
    const { status, body } = await world.call<SealedShare>(owner.user, 'POST', path, confirm)
    expect({ status, body }).toMatchObject({ status: 200, body: { publicShare: owner.key.signer.compressedPublicKey } })
    expect(await profileOf(owner)).toMatchObject({ exportedAt: NOT_BEFORE })
  })

  test('is cancelled from any session of the owner', async () => {
    const owner = await startOwner(world, 'canceller')
    const path = `/api/v1/mpc/export/${EXPORT_ID}?profileId=${owner.profileId}`
    expect((await world.call(owner.user, 'DELETE', path)).body).toEqual({ status: 'cancelled' })
    expect((await world.call('eve', 'DELETE', path)).body.error).toBe('NOT_FOUND')
  })
})

describe('restore', () => {
  test('is asked for with a code, shown to the owner, and ends with a new epoch', async () => {
    const owner = await startOwner(world, 'loser')
    const request = requestOf('restore', owner)
    const asked = await send<RestoreResponse>(world, owner.user, request, { twoFactorCode: owner.code() })
    expect(asked).toMatchObject({ status: 202, body: { restoreId: RESTORE_ID, notBefore: NOT_BEFORE } })
    expect(await profileOf(owner)).toMatchObject({ restore: { restoreId: RESTORE_ID, reason: 'device-lost' } })

    const backups = { sigpair: 'waived', device: 'waived' }
    const intent = intentOf(owner, 'restore-confirm')
    const confirm = { profileId: owner.profileId, stageId: stageOf(owner), backups, intent }
    const path = `/api/v1/mpc/restore/${RESTORE_ID}/confirm`
    const { status, body } = await world.call<RotateKeyResponse>(owner.user, 'POST', path, confirm)
    expect({ status, body }).toMatchObject({ status: 200, body: { address: owner.address, epoch: 1 } })
    expect(await world.call(owner.user, 'POST', path, confirm)).toMatchObject({ status: 200, body })
  })

  test('is cancelled by the enrolled device', async () => {
    const owner = await startOwner(world, 'finder')
    await send(world, owner.user, requestOf('restore', owner), { twoFactorCode: owner.code() })
    const request = { profileId: owner.profileId, intent: intentOf(owner, 'restore-cancel') }
    const path = `/api/v1/mpc/restore/${RESTORE_ID}/cancel`
    expect((await world.call('eve', 'POST', path, request)).body.error).toBe('NOT_FOUND')
    expect((await world.call(owner.user, 'POST', path, request)).body).toEqual({ status: 'cancelled' })
    expect(await profileOf(owner)).not.toHaveProperty('restore')
  })
})

describe('freezing', () => {
  const freeze = (owner: Owner, more: object = {}, user = owner.user) =>
    world.call<FreezeResponse>(user, 'POST', '/api/v1/mpc/freeze', { profileId: owner.profileId, ...more })

  test('needs a code and no device; what is frozen already needs none', async () => {
    const owner = await startOwner(world, 'freezer')
    expect((await freeze(owner)).body.error).toBe('TWO_FACTOR_REQUIRED')
    expect((await freeze(owner, {}, 'eve')).body.error).toBe('NOT_FOUND')
    expect(owner.key.status).toBe('READY')
    expect((await freeze(owner, { twoFactorCode: owner.code() })).body).toEqual({ keyStatus: 'FROZEN' })
    expect((await freeze(owner)).body).toEqual({ keyStatus: 'FROZEN' })
  })

  test('is undone by a rotation with repair', async () => {
    const owner = await startOwner(world, 'thawer')
    await freeze(owner, { twoFactorCode: owner.code() })
    const request = requestOf('rotate', owner)
    await send(world, owner.user, request, { repair: true, twoFactorCode: owner.code() })
    expect(await profileOf(owner)).toMatchObject({ keyStatus: 'READY', epoch: 1 })
  })
})
