/** The page's only style sheet; the Content-Security-Policy names its hash. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6577; --line: #dfe3ea; --paper: #fff; --shade: #f5f7fa; --blue: #1d5fd1; --green: #14804a; --amber: #96590a; --red: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa4b5; --line: #323a48; --paper: #151a22; --shade: #1d242f; --blue: #7aa9ff; --green: #5fd39a; --amber: #e5b060; --red: #ff8f86; } }
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); display: grid; grid-template-columns: 19rem minmax(0, 1fr) }
a { color: inherit; text-decoration: none } a:hover { text-decoration: underline }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem 3rem 1.5rem; border-right: 1px solid var(--line); background: var(--shade); font-size: .82rem }
nav h2 { font-size: .72rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 1.4rem 0 .4rem }
nav a { display: flex; gap: .5rem; padding: .14rem 0; align-items: baseline; overflow-wrap: anywhere }
main { padding: 2rem clamp(1rem, 4vw, 3.5rem) 6rem; max-width: 62rem }
h1 { font-size: 2rem; margin: 0 } .lead { color: var(--soft); max-width: 46rem }
main > h2 { margin: 3.2rem 0 .2rem; font-size: 1.4rem } main > h2 + p { margin-top: 0; color: var(--soft) }
article { border: 1px solid var(--line); border-radius: .6rem; margin: 1rem 0; padding: 1rem 1.2rem }
article h3 { margin: 0; font: 600 1rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
article h4 { margin: 1rem 0 .3rem; font-size: .72rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft) }
article > p { margin: .3rem 0 .6rem }
code, .type { font: .84em/1.5 ui-monospace, monospace }
.method { font: 700 .72rem/1 ui-monospace, monospace; min-width: 3.1rem; display: inline-block } 
.GET { color: var(--blue) } .POST { color: var(--green) } .PUT, .PATCH { color: var(--amber) } .DELETE { color: var(--red) }
.chip { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; margin: 0 .3rem .3rem 0; font-size: .78rem; color: var(--soft) }
table { border-collapse: collapse; width: 100%; font-size: .88rem } td { padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
td:first-child { width: 13rem; font: .84rem/1.6 ui-monospace, monospace } td:nth-child(2) { width: 14rem } tr:first-child td { border-top: 0 }
.optional { color: var(--soft) } .optional::after { content: "?" } .note { color: var(--soft) } .type a { color: var(--blue) }
@media (max-width: 56rem) { body { display: block } nav { position: static; height: auto; border: 0 } .schemas { display: none } td:first-child, td:nth-child(2) { width: auto } }
`
