#include "reconciler/telemetry/page_style.hpp"

#include <string>

#include "reconciler/base/crypto.hpp"
#include "reconciler/telemetry/page.hpp"

namespace dps::telemetry {
namespace {

// Colours are pairs of ink on paper with a contrast of at least 4.5, in both schemes.
constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--paper:#fbfbfa;--card:#fff;--ink:#1c2024;--soft:#5b636b;--line:#e1e3e5;
--link:#0b57a4;--good:#1a6e3c;--warn:#8a5300;--bad:#b3261e;--calm:#4a5561;--info:#0b57a4;
--goodp:#e6f3ea;--warnp:#fdf1dc;--badp:#fcebe9;--calmp:#eceef0;--infop:#e7f0fa}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1b1f23;--ink:#e7e9eb;--soft:#a3abb3;
--line:#32383e;--link:#86b9f2;--good:#7fd39b;--warn:#f0bd6a;--bad:#ff9c93;--calm:#b5bdc5;--info:#86b9f2;
--goodp:#17301f;--warnp:#35280f;--badp:#3d1b18;--calmp:#2a3036;--infop:#16293d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:84rem;padding:0 1.5rem 3rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.3rem .6rem}
header{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:baseline;padding:1.1rem 0 .9rem;
border-bottom:1px solid var(--line)}
.home{font-weight:650;color:var(--ink);font-size:1.05rem}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;color:var(--soft);flex:1}.facts b{color:var(--warn)}
.lost::after{content:" · the daemon does not answer";color:var(--bad)}
.asof,footer,.soft,small{color:var(--soft)}small{font-size:.87rem}
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:.8rem;font-size:.87rem}
h1{font-size:1.7rem;line-height:1.25;font-weight:620;margin:1.6rem 0 .4rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.1rem;font-weight:620;margin:2.4rem 0 .7rem}
h3{font-size:.95rem;font-weight:620;margin:0}
p{margin:.3rem 0;max-width:46rem}
code{font:.87em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
p code,li code,td code{background:var(--calmp);padding:.05em .35em;border-radius:3px}
.verdict.bad{color:var(--bad)}.verdict.warn{color:var(--warn)}
.bar{display:block;width:100%;height:10px;margin:1rem 0 .8rem;border-radius:5px;background:var(--calmp)}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:.6rem;margin:0;padding:0;list-style:none}
.tiles a{display:block;padding:.7rem .9rem;border:1px solid var(--line);border-radius:7px;background:var(--card);color:var(--ink)}
.tiles a:hover{text-decoration:none;border-color:var(--soft)}
.tiles a[aria-current]{border-color:var(--link);box-shadow:inset 0 0 0 1px var(--link)}
.tiles b{display:block;font-size:1.6rem;line-height:1.2;font-weight:600}
.tiles .none b,.tiles .none .mark{color:var(--soft);background:none}
.mark{display:inline-flex;align-items:center;gap:.35em;white-space:nowrap;font-size:.87rem;font-weight:550;
padding:.05rem .5rem .05rem .4rem;border-radius:4px}
.tiles .mark{padding-left:0;background:none}
.mark i{font-style:normal;font-weight:700;width:1em;text-align:center}
.in_sync,.ok{color:var(--good);background:var(--goodp)}.drifted,.soon{color:var(--warn);background:var(--warnp)}
.pending{color:var(--info);background:var(--infop)}.suspended{color:var(--calm);background:var(--calmp)}
.blocked{color:var(--warn);background:var(--warnp)}.failed,.ended{color:var(--bad);background:var(--badp)}
svg .in_sync{fill:var(--good)}svg .drifted{fill:var(--warn)}svg .pending{fill:var(--info)}
svg .suspended{fill:var(--calm)}svg .blocked{fill:var(--warn);opacity:.75}svg .failed{fill:var(--bad)}
svg text{fill:var(--soft);font-size:12px}svg .axis{stroke:var(--line)}svg .today{stroke:var(--ink)}
svg .later{fill:var(--calm)}svg .soon{fill:var(--warn)}svg .ended{fill:var(--bad)}
.needs{list-style:none;margin:0;padding:0;border:1px solid var(--line);border-radius:7px;background:var(--card)}
.needs>li{padding:.8rem 1rem;border-left:4px solid var(--warn);border-bottom:1px solid var(--line)}
.needs>li:first-child{border-top-left-radius:7px}.needs>li:last-child{border-bottom:0;border-bottom-left-radius:7px}
.needs>li.bad{border-left-color:var(--bad)}.needs>li.calm{border-left-color:var(--calm)}
.needs p{max-width:60rem}.needs .do{color:var(--soft)}
ul.lines{margin:.4rem 0 0;padding:0;list-style:none}ul.lines li{overflow-wrap:anywhere}
.lines code{background:none;padding:0}
.table{border:1px solid var(--line);border-radius:7px;background:var(--card);overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.5rem .9rem;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
th{font-size:.82rem;font-weight:550;color:var(--soft);white-space:nowrap}
td.name{overflow-wrap:anywhere;min-width:12rem;font-weight:550}.group{color:var(--soft);font-weight:400}
td.when{white-space:nowrap}td.diff{max-width:30rem;overflow-wrap:anywhere}
form{display:flex;gap:.5rem;flex-wrap:wrap;align-items:center;margin:0 0 .8rem}
input,select,button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:5px;padding:.25rem .6rem}
button{cursor:pointer}input{min-width:0;width:16rem}
nav.pages{display:flex;gap:1rem;margin:.8rem 0;flex-wrap:wrap}
details>summary{cursor:pointer;color:var(--link);width:fit-content}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.5rem;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.time{display:block;width:100%;height:auto;margin:.2rem 0 .8rem}
.scroll{overflow-x:auto}
.two{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 2.5rem}
@media (min-width:120rem){body{max-width:110rem;font-size:18px}svg text{font-size:10px}}
@media (max-width:60rem){.tiles{grid-template-columns:repeat(3,1fr)}.two{grid-template-columns:minmax(0,1fr)}}
@media (max-width:42rem){body{padding:0 .9rem 2rem}h1{font-size:1.35rem}.tiles{grid-template-columns:repeat(2,1fr)}
.table table,.table tbody,.table tr,.table td{display:block}.table thead{position:absolute;left:-99rem}
.table tr{padding:.5rem 0;border-bottom:1px solid var(--line)}.table tr:last-child{border-bottom:0}
.table td{border:0;padding:.12rem .9rem}.table td:empty{display:none}
.table td[data-label]::before{content:attr(data-label) " ";color:var(--soft);font-size:.82rem}
td.when{white-space:normal}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.45rem}.time{width:46rem}}
@media print{body{max-width:none}form,nav,.skip{display:none}}
)css";

constexpr std::string_view kScript = R"js(
setInterval(async()=>{const a=document.activeElement;
if(document.hidden||String(getSelection())||(a&&/INPUT|SELECT/.test(a.tagName)))return;
try{const r=await fetch(location.href,{cache:"no-store"});
const d=new DOMParser().parseFromString(await r.text(),"text/html");
const open=[...document.querySelectorAll("details[open][id]")].map(e=>e.id);
const key=a&&a.getAttribute&&a.getAttribute("href");
for(const q of["header","main","footer"]){const n=d.querySelector(q),o=document.querySelector(q);if(n&&o)o.replaceWith(n)}
open.forEach(i=>{const e=document.getElementById(i);if(e)e.open=true});
if(key){const e=[...document.links].find(l=>l.getAttribute("href")===key);if(e)e.focus({preventScroll:true})}
}catch(e){document.querySelector(".asof").classList.add("lost")}},30000);
)js";

constexpr std::string_view kFavicon =
    R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="#0b57a4"/><path d="M9 16.5l5 5 9-11" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/></svg>)svg";

}  // namespace

std::string_view page_style() {
  return kStyle;
}

std::string_view page_script() {
  return kScript;
}

std::string_view favicon() {
  return kFavicon;
}

std::string_view page_policy() {
  static const std::string policy =
      "default-src 'none'; style-src 'sha256-" + base64(sha256(kStyle)) + "'; script-src 'sha256-" +
      base64(sha256(kScript)) +
      "'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
      "frame-ancestors 'none'";
  return policy;
}

}  // namespace dps::telemetry
