import { TandemError } from '../errors.ts'
import type { Vault } from '../vault/vault.ts'
import type { Bridge, Question } from './bridge.ts'
import type { ToHost } from './messages.ts'

/** The host's vault: on iOS the Keychain. */
export function hostVault({ ask }: Bridge): Vault {
  const asked = async <Name extends Question>(name: Name, question: Omit<ToHost[Name], 'request'>) =>
    ask(name, question).catch((cause: unknown) => {
      throw new TandemError('VAULT', 'The vault of this device did not do what it was asked for.', { cause })
    })
  return {
    get: async (name) => {
      const value = await asked('vaultGet', { name })
      if (value === null) return undefined
      if (value instanceof Uint8Array) return value
      throw new TandemError('VAULT', 'The vault of this device answered something else than bytes.')
    },
    put: async (name, value) => {
      await asked('vaultPut', { name, value })
    },
    delete: async (name) => {
      await asked('vaultDelete', { name })
    },
    list: async (prefix) => {
      const names = await asked('vaultList', { prefix })
      if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names.toSorted()
      throw new TandemError('VAULT', 'The vault of this device answered something else than names.')
    },
  }
}
