import { limits } from '@tandem/wire'
import { z } from 'zod'

/**
 * The parts we use of what Orby answers, as Orb Labs' public examples have them; everything else in an answer is ignored. What
 * is known of it and what is not: docs/spec/flows.md 15.7.
 */

const quantity = z.string().regex(/^(0x[0-9a-fA-F]{1,64}|[0-9]{1,78})$/)

/** `EIP155-8453` */
export const chainName = (chainId: number): string => `EIP155-${chainId}`

/** orby_createAccountCluster */
export const accountCluster = z.object({ accountClusterId: z.string().min(1).max(256) })

/** orby_getVirtualNodeRpcUrl */
export const virtualNode = z.object({ virtualNodeRpcUrl: z.url({ protocol: /^https?$/ }).max(2_048) })

/** One step of a plan. */
const onchainOperation = z.object({
  /** TRANSACTION or TYPED_DATA */
  format: z.string().max(64),
  chainId: z.string().max(64),
  from: z.string().max(64),
  to: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  data: z
    .string()
    .regex(/^0x([0-9a-fA-F]{2})*$/)
    .max(2 + 2 * limits.MAX_CALLDATA_BYTES),
  value: quantity.nullish(),
  gasLimit: quantity.nullish(),
})
export type OnchainOperation = z.infer<typeof onchainOperation>

/** A plan: what its intents need first, then the operation itself. */
const plan = z.object({
  status: z.literal('SUCCESS'),
  intents: z
    .array(z.object({ intentOperations: z.array(onchainOperation).max(limits.MAX_BATCH_OPERATIONS) }))
    .max(limits.MAX_BATCH_OPERATIONS)
    .nullish(),
  primaryOperation: onchainOperation.nullish(),
})

const noPlan = z.object({
  status: z
    .string()
    .max(64)
    .refine((status) => status !== 'SUCCESS'),
})

/** orby_getOperationsToExecuteTransaction: a plan, or that there is none. */
export const operationSet = z.union([plan, noPlan])

/** The steps in their order; undefined where Orby has no plan. */
export function stepsOf(answer: z.infer<typeof operationSet>): readonly OnchainOperation[] | undefined {
  if (!('intents' in answer) && !('primaryOperation' in answer)) return undefined
  const before = (answer.intents ?? []).flatMap(({ intentOperations }) => intentOperations)
  return answer.primaryOperation ? [...before, answer.primaryOperation] : before
}
