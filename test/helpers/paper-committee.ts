import {
  abortStatement,
  combine,
  commitStatement,
  decodeSignatureShare,
  type KeyShare,
  onlineShare,
  type OnlineMessage,
  provePossession,
  backupStatement,
  pveEncrypt,
  type Signature,
  statusStatement,
} from '@tandem/ecdsa'
import { memoryVault, TRUST_ON_FIRST_USE } from '@tandem/client'
import { partyIndex, runAlone } from '@tandem/rounds'
import {
  type AbortReceipt,
  type CommitReceipt,
  type EpochStatus,
  fromBase64url,
  fromHex,
  type ProfileResponse,
  type RotateKeyResponse,
  type RotationRecord,
  rotationBytes,
  type StageResponse,
  toBase64url,
  toHex,
} from '@tandem/wire'
import type { Api } from '../../shared/client/src/api.ts'
import { createDevice, type Device } from '../../shared/client/src/device.ts'
import { defaultPlatform } from '../../shared/client/src/platform.ts'
import { fast } from './backends.ts'
import { identityOf, signAs } from './keygen.ts'
import { type PaperGateway, paperGateway } from './paper-gateway.ts'
import { type PaperMember, paperMember, type PaperWorld, serveMember } from './paper-member.ts'
import { seeded } from './rng.ts'

/** A committee without servers, and a device beside it: what each member says is what it holds, but for what a test changes. */
export type PaperCommittee = {
  readonly world: PaperWorld
  readonly members: readonly PaperMember[]
  readonly gateway: PaperGateway
  readonly device: Device
  /** another one, of the same owner */
  readonly newDevice: () => Device
  /** failures of members' sides, in order */
  readonly failures: { readonly index: number; readonly error: unknown }[]
  /** which calls of the backend were made, in order */
  readonly calls: string[]
  /** members whose HTTP does not answer */
  readonly deaf: Set<number>
}

const PROFILE = 'prf_AAAAAAAAAAAAAAAAAAAAAA'
const RESTORE = 'rst_AAAAAAAAAAAAAAAAAAAAAA'

export function paperCommittee(threshold: number, nodes: number): PaperCommittee {
  const world: PaperWorld = {
    ...{ nodes, threshold, mail: new Map() },
    ...{ ek: undefined, message: undefined, signatures: [] },
  }
  const members = Array.from({ length: nodes }, (_, at) => paperMember(at + 1))
  const failures: { index: number; error: unknown }[] = []
  const gateway = paperGateway(
    members.map(({ index }) => index),
    (index, leg) => {
      serveMember(world, members[index - 1]!, leg).catch((error: unknown) => {
        failures.push({ index, error })
        leg.close('PROTOCOL_ABORTED')
      })
    },
  )
  const [calls, deaf] = [[] as string[], new Set<number>()]
  const there = () => members.filter(({ index }) => !deaf.has(index))
  const api = recording(calls, paperApi(world, members, there)) as Api
  const platform = { ...defaultPlatform(), connect: gateway.connect }
  const newDevice = () => {
    const deps = { platform, backend: fast, vault: memoryVault(), api, onProgress: () => undefined }
    return createDevice({ ...deps, pin: TRUST_ON_FIRST_USE, baseUrl: 'http://127.0.0.1' })
  }
  return { world, members, gateway, device: newDevice(), newDevice, failures, calls, deaf }
}

function recording(calls: string[], api: Partial<Api>): Partial<Api> {
  return Object.fromEntries(
    Object.entries(api).map(([name, act]) => [
      name,
      (...args: unknown[]) => {
        calls.push(name)
        return (act as (...args: unknown[]) => unknown)(...args)
      },
    ]),
  )
}

type There = () => readonly PaperMember[]

function paperApi(world: PaperWorld, members: readonly PaperMember[], there: There): Partial<Api> {
  const nodes = members.map(({ index, exchange }) => ({
    publicKey: toHex(exchange.publicKey),
    identity: toHex(identityOf(index)),
  }))
  const { threshold } = world
  let keys = 0
  const newKey = () => toHex(seeded(`paper key ${keys++}`)(32))
  return {
    cloudPublicKey: async () => ({ ...nodes[0]!, keyVersion: 1, committee: { threshold, nodes } }),
    ticket: async ({ keyId = newKey() }) => ({
      ...{ ticket: `${keyId}.a.b`, keyId, sigpairUrl: 'ws://paper' },
      ...{ cloudPublicKey: nodes[0]!.publicKey, expiresAt: 2_000_000_000 },
    }),
    createProfile: async ({ clientShare }) => {
      const done = there().map((member) => ({ index: member.index, receipt: commitStaged(member) }))
      const sessionWalletAddress = `0x${clientShare.keyId.slice(2, 42)}`
      return { profileId: PROFILE, sessionWalletAddress, receipt: done[0]!.receipt, nodes: done }
    },
    rotateKey: async ({ stageId }) => rotated(there(), stageId, 'refresh'),
    requestRestore: async () => ({ restoreId: RESTORE, notBefore: 1 }),
    confirmRestore: async (_, { stageId }) => rotated(there(), stageId, 'restore'),
    profiles: async () => ({ profiles: [profileOf(members[0]!.current!.share)] }),
    stage: async ({ stageId, epoch }) => merged(there().map((member) => fateAt(member, stageId, epoch))),
    abortStage: async ({ stageId, epoch }) => {
      for (const member of there()) if (member.stage?.stageId === stageId) member.stage = undefined
      return merged(there().map((member) => fateAt(member, stageId, epoch)))
    },
    drill: async ({ challenge }) => {
      const parts = there().map(({ index, current }) => {
        const { share } = current!
        const why = { purpose: 'drill' as const, challenge: fromHex(challenge) }
        const proof = toHex(provePossession(fast, share, seeded(`drill ${index}`), why))
        return { index, epoch: share.epoch, publicShare: toHex(share.publicShares[index - 1]!), proof }
      })
      const { index: _, ...first } = parts[0]!
      return { ...first, nodes: parts }
    },
    backUp: async ({ encryptionKey }) => {
      world.ek = fromHex(encryptionKey)
      const parts = await Promise.all(there().map(async (member) => backupOf(member, fromHex(encryptionKey))))
      const { index: _, ...first } = parts[0]!
      return { backupId: 'bak_AAAAAAAAAAAAAAAAAAAAAA', ...first, nodes: parts }
    },
  }
}

async function backupOf({ index, current }: PaperMember, ek: Uint8Array) {
  const { share } = current!
  const statement = backupStatement(share, { party: index, purpose: 'recovery', ek })
  const bytes = await runAlone(
    pveEncrypt(fast, statement, share.secret, seeded(`asked ${index}`)),
    async () => undefined,
  )
  return { index, epoch: share.epoch, encryptedData: toBase64url(bytes), verificationHash: `0x${'00'.repeat(32)}` }
}

/** Repeatable, as a member's is. */
function commitStaged(member: PaperMember, stageId?: string): CommitReceipt {
  const { stage } = member
  if (stage && (stageId === undefined || stage.stageId === stageId)) {
    member.current = stage.result
    member.inForce = stage.stageId
    member.stage = undefined
  }
  return receiptOf(member.index, member.current!.share, member.inForce!)
}

export function receiptOf(signer: number, { keyId, epoch, conf }: KeyShare, stageId: string): CommitReceipt {
  const statement = commitStatement(fast, { keyId, stageId: fromHex(stageId), epoch, conf })
  return { keyId: toHex(keyId), stageId, epoch, conf: toHex(conf), signature: toHex(signAs(signer)(statement)) }
}

export function abortOf(signer: number, { keyId }: KeyShare, stageId: string): AbortReceipt {
  const statement = abortStatement(fast, { keyId, stageId: fromHex(stageId) })
  return { keyId: toHex(keyId), stageId, signature: toHex(signAs(signer)(statement)) }
}

export function statusOf(signer: number, { keyId, epoch, ssid }: KeyShare, staged: string | null): EpochStatus {
  const statement = statusStatement(fast, { keyId, epoch, ssid, staged: staged === null ? null : fromHex(staged) })
  return { keyId: toHex(keyId), epoch, ssid: toHex(ssid), staged, signature: toHex(signAs(signer)(statement)) }
}

type Reason = RotationRecord['reason']

function rotated(there: readonly PaperMember[], stageId: string, reason: Reason): RotateKeyResponse {
  const nodes = there.map((member) => {
    const receipt = commitStaged(member, stageId)
    return { index: member.index, receipt, rotation: rotationOf(member, stageId, reason) }
  })
  const { receipt, rotation } = nodes[0]!
  return { status: 'rotated', address: `0x${'00'.repeat(20)}`, epoch: receipt.epoch, receipt, rotation, nodes }
}

function rotationOf({ index, current }: PaperMember, stageId: string, reason: Reason): RotationRecord {
  const { keyId, publicKey, epoch: to } = current!.share
  const about = { keyId: toHex(keyId), publicKey: toHex(publicKey), from: to - 1, to, stageId }
  const unsigned = { ...about, reason, at: 1_800_000_000 + index }
  return { ...unsigned, signature: toHex(signAs(index)(rotationBytes(unsigned))) }
}

function profileOf({ keyId, publicKey, epoch }: KeyShare): ProfileResponse {
  return {
    ...{ profileId: PROFILE, name: 'Restored', keyId: toHex(keyId), publicKey: toHex(publicKey), epoch },
    ...{ sessionWalletAddress: `0x${'00'.repeat(20)}`, keyStatus: 'READY', presignatures: 0, createdAt: 'today' },
  }
}

function fateAt(member: PaperMember, stageId: string, epoch: number) {
  const { index, current, stage } = member
  const status = statusOf(index, current!.share, stage?.stageId ?? null)
  if (member.inForce === stageId) {
    return { index, fate: 'committed' as const, committed: receiptOf(index, current!.share, stageId), status }
  }
  if (stage?.stageId === stageId) return { index, fate: 'staged' as const, status }
  if (epoch !== current!.share.epoch + 1) return { index, fate: 'unknown' as const, status }
  return { index, fate: 'aborted' as const, aborted: abortOf(index, current!.share, stageId), status }
}

function merged(nodes: readonly ReturnType<typeof fateAt>[]): StageResponse {
  const { index: _, ...first } = nodes[0]!
  return { ...first, nodes: [...nodes] }
}

/** What a gateway makes of the device's share: every signer's own, added up and verified. */
export function completeOnline(
  members: readonly PaperMember[],
  p1SignatureShare: string,
  message: Omit<OnlineMessage, 'rhoD'>,
): Signature {
  const device = partyIndex(members.length + 1)
  const theirs = decodeSignatureShare(fromBase64url(p1SignatureShare), device)
  const id = toBase64url(theirs.id)
  const parts = members.flatMap(({ presignatures, current }) => {
    const presignature = presignatures.get(id)
    if (presignature === undefined) return []
    presignatures.delete(id)
    const { publicKey, chainCode, epoch } = current!.share
    const key = { publicKey, chainCode, epoch, signers: presignature.signers }
    return [onlineShare(fast, presignature, key, { ...message, rhoD: theirs.rhoD })]
  })
  return combine(fast, parts[0]!.target, [theirs, ...parts.map(({ share }) => share)], 'evm')
}
