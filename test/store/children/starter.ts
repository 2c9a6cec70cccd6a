/** Starts Firestore's emulator, `starter.ts PORT`, and dies without a farewell. */
import { startFirestore } from '@tandem/local'

const { host } = await startFirestore({ port: Number(process.argv[2]) })
const { ok } = await fetch(`http://${host}/`)
process.stdout.write(String(ok), () => process.kill(process.pid, 'SIGKILL'))
