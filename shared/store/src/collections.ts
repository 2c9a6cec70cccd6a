/** The field of a document in Firestore that says when it expires: every collection has a TTL policy on it. */
export const TTL_FIELD = 'expireAt'

type Database = {
  /** who opens it, and nobody else */
  readonly services: readonly ('sigpair' | 'duo-node' | 'functions')[]
  /** whether backups and point-in-time recovery are wanted, or forbidden. Source: docs/spec/storage.md 1.2. */
  readonly recovery: 'wanted' | 'forbidden'
  readonly collections: readonly string[]
}

/**
 * What there is to deploy, by Firestore's names. Rights end at the database, hence three. Nothing is found but by its id,
 * or by how its id begins: no collection needs an index, and a field in an index of times or counters would be a bottleneck.
 * So every collection is exempt from automatic indexes, {@link TTL_FIELD} included.
 *
 * A collection that is not here would never lose what has expired; a test compares this with the sources.
 */
export const DATABASES = {
  parties: {
    services: ['sigpair'],
    recovery: 'wanted',
    collections: [
      'audit-outbox',
      'backups',
      'batches',
      'event-heads',
      'events',
      'intents',
      'keys',
      'meta',
      'policy-marks',
      'relayed-events',
      'retirements',
      'rotations',
      'sessions',
      'spent-tokens',
      'stages',
    ],
  },
  presignatures: {
    services: ['sigpair'],
    recovery: 'forbidden',
    collections: [
      'audit',
      'audit-checkpoints',
      'audit-heads',
      'batch-releases',
      'intents',
      'pair-events',
      'pairs',
      'policies',
      'presignatures',
      'releases',
      'runs',
      'spending',
    ],
  },
  backend: {
    services: ['duo-node', 'functions'],
    recovery: 'wanted',
    collections: [
      'allowances',
      'app-attest-challenges',
      'attested-devices',
      'batches',
      'claims',
      'dead-letters',
      'deleted-profiles',
      'event-leases',
      'event-progress',
      'idempotency',
      'key-states',
      'nonces',
      'passkey-challenges',
      'profiles',
      'proved-intents',
      'second-factor-failures',
      'second-factors',
      'sessions',
      'spent-tokens',
      'user-audit',
      'user-audit-heads',
      'webhooks',
    ],
  },
} as const satisfies Record<string, Database>

export type DatabaseName = keyof typeof DATABASES
