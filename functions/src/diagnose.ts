import { printDiagnosis, requirePresent } from '@tandem/service'
import { openStore, ref } from '@tandem/store'
import { readFunctionsConfig } from './config.ts'

/** `node functions/src/diagnose.ts`, in the environment of functions, beside it or without it. */
await printDiagnosis({
  service: 'functions',
  open: async () => {
    const { store: config } = readFunctionsConfig()
    const store = await openStore(requirePresent(config))
    return {
      databases: [{ name: 'backend', config, store }],
      checks: { store: async () => store.get(ref('health', 'probe')) },
      close: async () => store.close(),
    }
  },
})
