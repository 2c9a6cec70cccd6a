/**
 * Where the device keeps its secrets: Keychain, IndexedDB, an encrypted file, memory. Values are opaque bytes.
 *
 * `put` is atomic and durable: when it resolves, the new value survives a crash; when it does not, the old one is there
 * whole. Everything the protocol needs of a vault follows from that.
 */
export interface Vault {
  get(name: string): Promise<Uint8Array | undefined>
  put(name: string, value: Uint8Array): Promise<void>
  delete(name: string): Promise<void>
  /** names that begin with `prefix`, in order */
  list(prefix: string): Promise<string[]>
}

/** For tests, and for wallets that may die with the page. */
export function memoryVault(): Vault {
  const values = new Map<string, Uint8Array>()
  return {
    get: async (name) => values.get(name)?.slice(),
    put: async (name, value) => {
      values.set(name, value.slice())
    },
    delete: async (name) => {
      values.delete(name)
    },
    list: async (prefix) => [...values.keys()].filter((name) => name.startsWith(prefix)).sort(),
  }
}
