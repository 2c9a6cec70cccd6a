import type { Opened } from './api.ts'
import { operations, type Served } from './operation.ts'
import { appAttestRoutes } from './routes/app-attest.ts'
import { auditRoutes } from './routes/audit.ts'
import { custodyRoutes } from './routes/custody.ts'
import { batchRoutes } from './routes/batch.ts'
import { documentRoutes } from './routes/documents.ts'
import { keyRoutes } from './routes/keys.ts'
import { mpcRoutes } from './routes/mpc.ts'
import { policyRoutes } from './routes/policy.ts'
import { profileRoutes } from './routes/profiles.ts'
import { transactionRoutes } from './routes/transactions.ts'
import { twoFactorRoutes } from './routes/two-factor.ts'

/** How the files of `routes/` write an endpoint down. */
export type Operate = ReturnType<typeof operations>

/** Every endpoint of the backend, and what it takes and answers. Source: docs/spec/flows.md. */
export function apiRoutes(opened: () => Promise<Opened>): readonly Served[] {
  const operate = operations(opened)
  const served = [
    ...profileRoutes(operate),
    ...transactionRoutes(operate),
    ...mpcRoutes(operate),
    ...batchRoutes(operate),
    ...keyRoutes(operate),
    ...custodyRoutes(operate),
    ...twoFactorRoutes(operate),
    ...appAttestRoutes(operate),
    ...policyRoutes(operate),
    ...auditRoutes(operate),
  ]
  return [...served, ...documentRoutes(served.map(({ described }) => described))]
}
