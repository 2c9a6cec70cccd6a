import { issueTicket as issueToken } from '@tandem/service'
import { limits, toHex } from '@tandem/wire'
import { completeTransaction } from './complete-transaction.ts'
import { connectBatch } from './connect-batch.ts'
import { connectKeys } from './connect-keys.ts'
import { assertDevice, attestDevice, challengeDevice, requireAttested } from './http/attest-device.ts'
import { proveAudit, readAudit } from './http/audit.ts'
import { cancelTransaction } from './http/cancel-transaction.ts'
import { cloudPublicKey } from './http/cloud-public-key.ts'
import { createProfile } from './http/create-profile.ts'
import { getTransaction } from './http/get-transaction.ts'
import { type IssueTicketDeps, issueTicket } from './http/issue-ticket.ts'
import { type PrepareTransactionDeps, prepareTransaction } from './http/prepare-transaction.ts'
import { type PolicyDeps, readPolicy, setPolicy } from './http/policy.ts'
import { getProfile } from './http/get-profile.ts'
import { lastKnown } from './http/last-known.ts'
import { listProfiles } from './http/list-profiles.ts'
import { renameProfile } from './http/rename-profile.ts'
import { addPasskey, beginPasskey, challengePasskey } from './http/passkeys.ts'
import { sign } from './http/sign.ts'
import { type SignMessageDeps, signMessage, signTypedData } from './http/sign-message.ts'
import {
  confirmEnrolment,
  disableSecondFactor,
  enrol,
  readSecondFactor,
  replaceRecoveryCodes,
} from './http/two-factor.ts'
import { newSessionId } from './ports/sessions.ts'
import type { Account } from './ports/nonces.ts'
import type { Ports } from './ports.ts'
import type { TwoFactor } from './ports/two-factor.ts'
import { settleOverdue } from './settle.ts'
import type { SubmitDeps } from './submit.ts'
import { proveOnce } from './two-factor/prove-once.ts'
import { type ProveSession, type ProveSessionDeps, proveSession } from './two-factor/prove-session.ts'

/** Every endpoint, holding exactly what it may do to the world. */
export function connect(ports: Ports) {
  const { sigpair, profiles, sessions, chainOf, now } = ports
  const submitting = submitDeps(ports)
  const preparing = prepareDeps(ports, submitting)
  const showKey = lastKnown({ readKey: sigpair.readKey, findState: ports.keyStates.find })
  return {
    cloudPublicKey: cloudPublicKey({ readIdentity: sigpair.readIdentity }),
    issueTicket: issueTicket(ticketDeps(ports)),
    createProfile: createProfile({
      commitKey: sigpair.commitKey,
      addressOf: async (publicKey) => (await evm()).addressOf(publicKey),
      saveProfile: profiles.save,
      now,
    }),
    getProfile: getProfile({ requireProfile: profiles.require, readKey: showKey }),
    listProfiles: listProfiles({ listProfiles: profiles.list, readKey: showKey }),
    renameProfile: renameProfile({
      requireProfile: profiles.require,
      renameProfile: profiles.rename,
      readKey: sigpair.readKey,
    }),
    prepareTransaction: prepareTransaction(preparing),
    getTransaction: getTransaction({
      requireTransaction: sessions.requireTransaction,
      receiptOf: async (chainId, txHash) => (await chainOf(chainId)).receiptOf(txHash),
      now,
    }),
    cancelTransaction: cancelTransaction({
      ...submitting,
      requirePayment: sessions.requirePayment,
      cancelSession: (caller, { sessionId, keyId }) => sigpair.cancelSession(caller, sessionId, { keyId }),
    }),
    sign: sign({ ...submitting, requireTransaction: sessions.requirePayment, proveSession: proving(ports) }),
    signMessage: signMessage(messageDeps(ports)),
    signTypedData: signTypedData(messageDeps(ports)),
    ...connectTwoFactor(ports.twoFactor),
    readPolicy: readPolicy(policyDeps(ports)),
    setPolicy: setPolicy(policyDeps(ports)),
    readAudit: readAudit({ readAudit: sigpair.readAudit, readOwn: ports.userAudit.page }),
    proveAudit: proveAudit({ proveAudit: sigpair.proveAudit, proveOwn: ports.userAudit.proof }),
    ...connectAttestation(ports),
    ...connectKeys(ports),
    ...connectBatch(ports, { preparing, submitting }),
  }
}

function connectTwoFactor(deps: TwoFactor) {
  return {
    readSecondFactor: readSecondFactor(deps),
    enrol: enrol(deps),
    confirmEnrolment: confirmEnrolment(deps),
    replaceRecoveryCodes: replaceRecoveryCodes(deps),
    disableSecondFactor: disableSecondFactor(deps),
    beginPasskey: beginPasskey(deps),
    addPasskey: addPasskey(deps),
    challengePasskey: challengePasskey(deps),
  }
}

function connectAttestation({ attestation: { verify, devices }, random, now }: Ports) {
  const deps = { verify, devices, random, now }
  return {
    challengeDevice: challengeDevice(deps),
    attestDevice: attestDevice(deps),
    assertDevice: assertDevice(deps),
  }
}

export type Endpoints = ReturnType<typeof connect>

/** Loaded by the first request that needs it. */
const evm = () => import('./evm.ts')

const countsOf = async ({ chainOf }: Ports, { chainId, address }: Account) => (await chainOf(chainId)).countsOf(address)

function policyDeps({ store, profiles, sigpair, requireTwoFactor, exclusively, now }: Ports): PolicyDeps {
  return {
    requireProfile: profiles.require,
    proveOnce: proveOnce({ store, requireTwoFactor, exclusively, now }),
    readPolicy: sigpair.readPolicy,
    setPolicy: sigpair.setPolicy,
  }
}

function proving({ sessions, sigpair, requireTwoFactor }: Ports): ProveSession {
  const tellSigpair: ProveSessionDeps['tellSigpair'] = (caller, { sessionId, keyId }) =>
    sigpair.proveSession(caller, sessionId, { keyId })
  return proveSession({ requireTwoFactor, markProven: sessions.markProven, tellSigpair })
}

function ticketDeps(ports: Ports): IssueTicketDeps {
  const { sigpair, profiles, sessions, nonces, key, sigpairUrl, random, now } = ports
  return {
    proveSession: proving(ports),
    requireProfileOfKey: profiles.requireByKey,
    requireSession: sessions.requireSingle,
    requireAttested: requireAttested({ ...ports.attestation, now }),
    pinNonce: nonces.pin,
    readKey: sigpair.readKey,
    readIdentity: sigpair.readIdentity,
    signTicket: async (grant) => {
      const at = now()
      const expiresAt = Math.floor(at / 1000) + limits.TICKET_SECONDS
      return { ticket: await issueToken(key, grant, at), expiresAt }
    },
    sigpairUrl,
    newKeyId: () => toHex(random(32)),
  }
}

function submitDeps({ sigpair, sessions, nonces, chainOf, exclusively }: Ports): SubmitDeps {
  return {
    exclusively,
    pinNonce: nonces.pin,
    freeNonce: nonces.free,
    completeSession: sigpair.completeSession,
    assemble: async ({ unsignedTx, digest, from }, signature) => {
      const { signedTransaction, verifiedSignature } = await evm()
      return signedTransaction(unsignedTx, verifiedSignature(digest, signature, from))
    },
    broadcast: async (chainId, raw, txHash) => (await chainOf(chainId)).broadcast(raw, txHash),
    advance: sessions.advance,
  }
}

function prepareDeps(ports: Ports, submitting: SubmitDeps): PrepareTransactionDeps {
  const { sigpair, profiles, sessions, nonces, chainOf, now } = ports
  const settling = {
    ...submitting,
    overdueNonces: nonces.overdue,
    countsOf: (account: Account) => countsOf(ports, account),
    findSession: sessions.find,
  }
  return {
    requireProfile: profiles.require,
    walletAddress: async (profile, path) => (await evm()).walletAddress(profile, path),
    completeTransaction: async (from, request) => {
      const to = (await evm()).checksummed(request.to)
      return completeTransaction(await chainOf(request.chainId), from, to, request)
    },
    settleOverdue: (caller, account) => settleOverdue(settling, caller, account),
    reserveNonce: (account, session) => nonces.reserve(account, session, () => countsOf(ports, account)),
    freeNonce: nonces.free,
    openSession: sigpair.openSession,
    digestOf: async (tx) => (await evm()).transactionDigest(tx),
    createSession: sessions.create,
    newSessionId,
    now,
  }
}

function messageDeps(ports: Ports): SignMessageDeps {
  const { sigpair, profiles, sessions, exclusively, now } = ports
  return {
    proveSession: proving(ports),
    requireProfile: profiles.require,
    openSession: sigpair.openSession,
    completeSession: sigpair.completeSession,
    digestOf: async (payload) => (await evm()).payloadDigest(payload),
    verifiedSignature: async (...signed) => (await evm()).verifiedSignature(...signed),
    exclusively,
    createSession: sessions.create,
    requireMessage: sessions.requireMessage,
    setSignature: sessions.setSignature,
    newSessionId,
    now,
  }
}
