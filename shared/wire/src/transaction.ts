import { z } from 'zod'
import { MAX_CALLDATA_BYTES } from './limits.ts'
import { address, wei } from './fields.ts'

/**
 * An EIP-1559 transaction before its signature, exactly what is hashed. Device, functions and Sigpair each compute the
 * digest from these fields; nobody takes another's word for it.
 */
export const unsignedTx = z
  .strictObject({
    type: z.literal('eip1559'),
    chainId: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    nonce: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
    maxPriorityFeePerGas: wei,
    maxFeePerGas: wei,
    gasLimit: wei,
    to: address,
    value: wei,
    data: z
      .string()
      .regex(/^0x([0-9a-fA-F]{2})*$/, '0x and hex digits')
      .max(2 + 2 * MAX_CALLDATA_BYTES),
  })
  .meta({ id: 'UnsignedTx' })

export type UnsignedTx = z.infer<typeof unsignedTx>
