import { StoreError, type StoreErrorCode } from '@tandem/store'

export type Counter = { readonly n: number }

export async function codeOf(work: Promise<unknown>): Promise<StoreErrorCode | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof StoreError) return error.code
    throw error
  }
}
