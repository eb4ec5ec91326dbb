"""How the report looks and moves: its style sheet and its one script. They hold no data."""

STYLE = """
:root{--ink:#1d2329;--dim:#68727d;--line:#e3e6ea;--paper:#fff;--ground:#f6f7f8;--blue:#3b6ea5;--soft:#c9d8e8;--red:#b3423a;
--amber:#a66a00}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ea;--dim:#98a2ad;--line:#2e353c;--paper:#1a1e22;--ground:#121518;
--blue:#79a8da;--soft:#2f4156;--red:#e2857e;--amber:#d9a441}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:36px}
h1{font-size:26px;font-weight:650;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;font-weight:650;margin:0 0 4px}
h3{font-size:14px;font-weight:650;margin:0}table+h3{margin-top:18px}
p{margin:0 0 12px}
.dim,footer{color:var(--dim)}
code{font:12.5px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
nav{position:sticky;top:0;z-index:2;background:var(--ground);border-bottom:1px solid var(--line)}
nav div{max-width:1120px;margin:0 auto;padding:8px 24px;display:flex;gap:20px;flex-wrap:wrap}
a{color:var(--blue);text-decoration:none}a:hover{text-decoration:underline}
section{overflow-x:auto;background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:20px 22px;
margin:18px 0;scroll-margin-top:52px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:12px;margin:18px 0 12px}
.cards div{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.cards b{display:block;font-size:22px;white-space:nowrap;font-weight:650;line-height:1.25;
font-variant-numeric:tabular-nums}
.notes{padding:0;margin:0 0 14px;list-style:none}
.notes li{padding:2px 0 2px 14px;border-left:3px solid var(--amber);margin:4px 0}
details{margin:6px 0}summary{cursor:pointer;color:var(--blue)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:12.5px/1.5 ui-monospace,monospace;margin:8px 0}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(116px,1fr));gap:10px;margin-top:12px}
figure{margin:0}figure img{width:100%;display:block;border-radius:6px;background:var(--line)}
figcaption{font-size:11.5px;line-height:1.35;color:var(--dim);margin-top:3px;overflow:hidden;text-overflow:ellipsis;
white-space:nowrap}figcaption bdi{color:var(--ink)}
.clip{border-top:1px solid var(--line);padding:16px 0 4px;margin-top:14px}
.clip .top{display:grid;grid-template-columns:232px 1fr;gap:20px}
.player{position:relative;width:232px;height:232px;background:#000;border-radius:8px;overflow:hidden}
.player video,.player img,.player svg{position:absolute;inset:0;width:100%;height:100%}
.player svg path{fill:none;stroke:#7fe3c0;stroke-width:1;vector-effect:non-scaling-stroke;opacity:.95}
.player .lips,.player .mouth{stroke:#ffd166}.player .right-iris,.player .left-iris{stroke:#fff}
.clip button{font:inherit;color:var(--paper);background:var(--blue);border:0;border-radius:6px;padding:4px 16px;
cursor:pointer}
.clip label{margin-left:12px}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:0 14px;font-size:13px;margin:6px 0 10px}
.facts dt{color:var(--dim)}.facts dd{margin:0;overflow-wrap:anywhere}
.strip{display:flex;margin-top:12px;border-radius:6px;overflow:hidden}.strip img{flex:1 1 0;min-width:0}
.timeline{width:100%;display:block;margin-top:6px;cursor:pointer}
.wave{fill:var(--blue);opacity:.75}.playhead{stroke:var(--red);stroke-width:1.5}
.timeline text{font-size:11px;fill:var(--ink);text-anchor:middle}.timeline .tick{fill:var(--dim);text-anchor:start}
g.word rect{fill:var(--soft)}.speaking rect{fill:var(--blue)}
.phone rect{fill:#d6dbe0}.phone text{fill:#20262c}
.v-PP rect{fill:#f4a6a0}.v-FF rect{fill:#f7c59a}.v-TH rect{fill:#f6dd9c}.v-DD rect{fill:#e3e39b}.v-kk rect{fill:#c6dfa4}
.v-CH rect{fill:#a9dcb4}.v-SS rect{fill:#a0dccb}.v-nn rect{fill:#a3d9de}.v-RR rect{fill:#a8cdea}.v-aa rect{fill:#b4bff0}
.v-E rect{fill:#c7b5ef}.v-ih rect{fill:#dab0e8}.v-oh rect{fill:#eab0d6}.v-ou rect{fill:#f0b1bf}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:22px 28px;margin-top:14px}
.hist,.pose{width:100%;display:block}.pose{max-width:280px}
.bar{fill:var(--blue)}.rest{fill:var(--soft)}.axis,.ring{stroke:var(--line);fill:none}.limit{stroke:var(--red);stroke-width:1.5;
stroke-dasharray:4 3}.dot{fill:var(--blue);opacity:.4}
.tick{font-size:10px;fill:var(--dim)}.end{text-anchor:end}
.mean{font-size:12.5px;color:var(--dim);margin:0 0 4px;min-height:36px}
table{border-collapse:collapse;width:100%;font-size:13.5px;margin-top:8px}
th{text-align:left;font-weight:500;padding:3px 12px 3px 0;vertical-align:top;overflow-wrap:anywhere}
thead th{color:var(--dim);border-bottom:1px solid var(--line)}
td{padding:3px 12px 3px 0;vertical-align:top;overflow-wrap:anywhere}
.bars th{width:38%}.bars .b svg{width:100%;height:12px;display:block}.bars .b{width:38%;vertical-align:middle}
.small{font-size:12.5px;color:var(--dim);margin:0}
.flow{columns:300px;column-gap:28px;margin-top:14px}.flow>div{break-inside:avoid;padding-bottom:22px}
td.word,td bdi.short{white-space:nowrap}
.n{white-space:nowrap;font-variant-numeric:tabular-nums;text-align:right}
footer{padding-bottom:40px;font-size:13px}
@media(max-width:640px){.clip .top{grid-template-columns:1fr}}
@media print{nav{display:none}section{break-inside:avoid}}
"""

SCRIPT = """
"use strict";
for (const clip of document.querySelectorAll(".clip")) {
  const video = clip.querySelector("video"), sound = clip.querySelector("audio"), button = clip.querySelector("button");
  const data = clip.querySelector('script[type="application/json"]');
  const lines = data ? JSON.parse(data.textContent) : null;
  const paths = [...clip.querySelectorAll(".player svg path")], head = clip.querySelector(".playhead");
  const overlay = clip.querySelector(".player svg"), box = clip.querySelector("input[type=checkbox]");
  const seconds = Number(clip.dataset.seconds), fps = Number(clip.dataset.fps);
  const timeline = clip.querySelector(".timeline");
  const draw = (t) => {
    if (head) { const x = 1000 * Math.min(t / seconds, 1); head.setAttribute("x1", x); head.setAttribute("x2", x); }
    if (!lines) return;
    const frame = lines.frames[Math.max(0, Math.min(Math.floor(t * fps + 1e-3), lines.frames.length - 1))];
    let at = 0;
    paths.forEach((path, i) => {
      const part = [];
      for (let k = 0; k < lines.lengths[i]; k++, at += 2) part.push(frame[at] + " " + frame[at + 1]);
      path.setAttribute("d", "M" + part.join("L"));
    });
  };
  if (box && overlay) box.addEventListener("change", () => { overlay.style.display = box.checked ? "" : "none"; });
  if (!video || !button) continue;
  const follow = () => {
    draw(video.currentTime);
    const late = sound && !sound.ended ? sound.currentTime - video.currentTime : 0;
    if (Math.abs(late) > 0.25) sound.currentTime = video.currentTime;
    if (!video.paused && !video.ended) requestAnimationFrame(follow);
  };
  const stop = () => { video.pause(); if (sound) sound.pause(); button.textContent = "Play"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (!video.paused && !video.ended) return stop();
    if (video.ended) video.currentTime = 0;
    if (sound && sound.error) sound.load();
    if (sound) { sound.currentTime = video.currentTime; sound.play().catch(() => {}); }
    video.play().then(() => { button.textContent = "Pause"; requestAnimationFrame(follow); }, stop);
  });
  video.addEventListener("ended", stop);
  video.addEventListener("seeked", () => draw(video.currentTime));
  if (timeline) timeline.addEventListener("click", (event) => {
    const place = timeline.getBoundingClientRect();
    video.currentTime = seconds * Math.max(0, Math.min(1, (event.clientX - place.left) / place.width));
  });
}
"""
