import type { ErrorCode } from '@tandem/wire'

/**
 * When a call counts. `change`: fewer than t members are left that have not done it. `quorum`: t have. `any`: one has.
 * Source: docs/spec/gateway.md 4.2, 4.8.
 */
export type Counting = 'change' | 'quorum' | 'any'

/** How the members' answers to one kind of call become one. */
export type Rule = {
  readonly counts: Counting
  /**
   * `for all`: the word of every member is wanted. `for silent, too`: as many as there are are wanted, so even who was silent
   * before gets a moment. Otherwise only who was not.
   */
  readonly waits?: 'for all' | 'for silent, too'
  /** fields that each member has of its own; the answer has those of the lowest that agrees. All others are the same. */
  readonly own?: readonly string[]
  /** fields that come as `nodes`, too: one entry for every member that did it */
  readonly nodes?: readonly string[]
  /** times by each member's clock: the answer has the latest, or the earliest */
  readonly latest?: readonly string[]
  readonly earliest?: readonly string[]
  /** a refusal that says nothing about a member: it was simply not among those who have what is asked for */
  readonly ordinary?: readonly ErrorCode[]
  /** what becomes of the answers before there is one; without it they are merged */
  readonly then?: 'identify' | 'settle' | 'settle-batch' | 'combine' | 'combine-batch'
}

const KEY = '/internal/keys/:keyId'
const STAGE_FIELDS = ['fate', 'committed', 'aborted', 'status']
const ROTATED: Rule = { counts: 'change', own: ['receipt', 'rotation'], nodes: ['receipt', 'rotation'] }

/** One for every route of Sigpair's, by method and path. Source: docs/spec/gateway.md, section 4. */
export const RULES: Readonly<Record<string, Rule>> = {
  'GET /internal/identity': { counts: 'any', own: ['publicKey', 'identity'], then: 'identify' },

  'POST /internal/keys/commit': { counts: 'change', own: ['receipt'], nodes: ['receipt'] },
  // stock, backup and clocks are each member's own
  [`GET ${KEY}`]: { counts: 'quorum', own: ['presignatures', 'backup', 'restore', 'exportedAt'] },
  // members may be at different points of a commit, and the device wants to know exactly that
  [`GET ${KEY}/stages/:stageId`]: { counts: 'quorum', own: STAGE_FIELDS, nodes: STAGE_FIELDS },
  [`POST ${KEY}/stages/:stageId/abort`]: { counts: 'change', own: STAGE_FIELDS, nodes: STAGE_FIELDS },
  [`POST ${KEY}/rotate`]: ROTATED,

  [`POST ${KEY}/backup`]: {
    counts: 'change',
    waits: 'for all',
    own: ['encryptedData', 'verificationHash'],
    nodes: ['epoch', 'encryptedData', 'verificationHash'],
  },
  [`PUT ${KEY}/recovery-key`]: { counts: 'change', latest: ['notBefore'] },
  [`POST ${KEY}/drill`]: {
    counts: 'quorum',
    own: ['publicShare', 'proof'],
    nodes: ['epoch', 'publicShare', 'proof'],
  },
  [`POST ${KEY}/export`]: { counts: 'change', latest: ['notBefore'], earliest: ['expiresAt'] },
  [`POST ${KEY}/export/:exportId/confirm`]: {
    counts: 'change',
    own: ['publicShare', 'enc', 'ciphertext'],
    nodes: ['epoch', 'publicShare', 'enc', 'ciphertext'],
  },
  [`POST ${KEY}/export/:exportId/cancel`]: { counts: 'change' },
  [`POST ${KEY}/restore`]: { counts: 'change', latest: ['notBefore'] },
  [`POST ${KEY}/restore/:restoreId/confirm`]: ROTATED,
  [`POST ${KEY}/restore/:restoreId/cancel`]: { counts: 'change' },
  // frozen is frozen, whatever else a member knows of the key
  [`POST ${KEY}/freeze`]: { counts: 'change', own: ['keyStatus'] },
  [`POST ${KEY}/delete`]: { counts: 'change' },
  [`POST ${KEY}/attest`]: { counts: 'change' },

  // a member that was away when a policy changed counts from elsewhere, and what it had stays in force until it is looser
  [`PUT ${KEY}/policy`]: { counts: 'change', own: ['version', 'inForce', 'pending'] },
  [`GET ${KEY}/policy`]: { counts: 'quorum', own: ['version', 'pending'] },

  // prepared again, a session needs the same parts, or ρ_S would be another than some have fixed
  'POST /internal/sessions': {
    counts: 'quorum',
    waits: 'for silent, too',
    own: ['rhoS', 'parts'],
    earliest: ['expiresAt'],
    then: 'settle',
  },
  'POST /internal/sessions/:sessionId/complete': {
    counts: 'quorum',
    own: ['released', 'signature'],
    // after a dialogue without it
    ordinary: ['VALIDATION_FAILED'],
    then: 'combine',
  },
  'POST /internal/sessions/:sessionId/prove': { counts: 'quorum' },
  'POST /internal/sessions/:sessionId/cancel': { counts: 'change' },
  'POST /internal/batches': {
    counts: 'quorum',
    waits: 'for silent, too',
    own: ['sessions'],
    earliest: ['expiresAt'],
    then: 'settle-batch',
  },
  'POST /internal/batches/:batchId/complete': { counts: 'quorum', own: ['sessions'], then: 'combine-batch' },
  'POST /internal/batches/:batchId/cancel': { counts: 'change' },

  // each member has its own log and its own outbox
  'GET /internal/audit': { counts: 'any', own: ['lines', 'head', 'checkpoint', 'next'] },
  'GET /internal/audit/proof/:seq': { counts: 'any', own: ['lines', 'head', 'checkpoint'] },
  'GET /internal/events': { counts: 'any', own: ['events', 'next'] },
  'POST /internal/events/acknowledge': { counts: 'any', own: ['acknowledged'] },
  // what each does now and then, all do when they are told
  'POST /internal/maintenance/:job': { counts: 'quorum', own: ['status', 'failed'] },
}

/** What a gateway asks of members by itself, and serves to nobody. Source: docs/spec/gateway.md 4.4 to 4.6. */
export const OWN_CALLS: ReadonlySet<string> = new Set([
  'POST /internal/sessions/:sessionId/settle',
  'POST /internal/sessions/:sessionId/signature',
  'POST /internal/batches/:batchId/settle',
  'POST /internal/batches/:batchId/signatures',
  `GET ${KEY}/commitment`,
  `POST ${KEY}/catch-up`,
])
