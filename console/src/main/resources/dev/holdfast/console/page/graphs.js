// Four graphs of the last quarter of an hour; uPlot draws them.
import {byId, make, setText} from './dom.js';
import {bytes, number} from './format.js';

const KEPT = 450;
const per = value => value >= 100 ? number(Math.round(value)) : value >= 9.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '');
const millis = value => value === null || value === undefined ? '–' : value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${per(value)} ms`;

// Places in a sample: at, streams, requests, failed, bytes, median, p99.
const GRAPHS = [
  {title: 'Open streams', least: 4, series: [{at: 1, ink: '--c1', text: number}]},
  {title: 'Requests per second', least: 1, series: [{at: 2, ink: '--c1', text: per}, {at: 3, name: 'failed', ink: '--bad', text: per}]},
  {title: 'Request duration', least: 10, series: [{at: 5, name: 'p50', ink: '--c1', text: millis}, {at: 6, name: 'p99', ink: '--c2', text: millis}]},
  {title: 'Bytes per second', least: 1000, series: [{at: 4, ink: '--c1', text: bytes}]},
];

const data = [[], [], [], [], [], [], []];
const drawn = [];

export function start() {
  for (const graph of GRAPHS) {
    const figures = graph.series.map(s => make('span', 'figure'));
    const plot = make('div', 'plot');
    plot.setAttribute('role', 'img');
    const box = make('figure', 'card graph',
      make('figcaption', '', make('span', 'faint', graph.title), make('span', 'figures', ...figures)), plot);
    byId('graphs').append(box);
    drawn.push({graph, figures, plot});
  }
  const redraw = () => drawn.forEach(build);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  document.addEventListener('theme', redraw);
  new ResizeObserver(() => drawn.forEach(size)).observe(byId('graphs'));
  redraw();
}

function build(one) {
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const probe = make('span', 'probe');
  document.body.append(probe);
  // light-dark() is resolved where it is used, not where it is named.
  const ink = name => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const faint = ink('--faint');
  const line = ink('--line');
  one.uplot?.destroy();
  const axis = {stroke: faint, grid: {stroke: line, width: 1}, ticks: {show: false}, font: `11px ${colour('--sans')}`};
  one.uplot = new window.uPlot({
    width: Math.max(one.plot.clientWidth, 120),
    height: 96,
    legend: {show: false},
    cursor: {y: false, points: {size: 6}, drag: {x: false, y: false}},
    padding: [6, 14, 0, 0],
    scales: {y: {range: (u, low, high) => [0, Math.max(high ?? 0, one.graph.least) * 1.1]}},
    axes: [
      {...axis, grid: {show: false}, size: 18, gap: 3, space: 60, values: (u, at) => at.map(t => new Date(t * 1000).toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'}))},
      {...axis, size: 46, gap: 4, space: 28, values: (u, at) => at.map(v => one.graph.series[0].text(v))},
    ],
    series: [{}, ...one.graph.series.map((s, i) => {
      const stroke = ink(s.ink);
      return {stroke, width: 1.75, spanGaps: false, points: {show: false}, fill: i === 0 ? stroke.replace('rgb(', 'rgba(').replace(')', ', 0.12)') : undefined};
    })],
    hooks: {setCursor: [u => figures(one, u.cursor.idx ?? undefined)]},
  }, pick(one), one.plot);
  probe.remove();
  figures(one);
}

const pick = one => [data[0], ...one.graph.series.map(s => data[s.at])];

function size(one) {
  const width = one.plot.clientWidth;
  if (width > 0 && one.uplot.width !== width) one.uplot.setSize({width, height: 96});
}

/** The numbers beside the title: of now, or of where the pointer is. */
function figures(one, index = data[0].length - 1) {
  one.graph.series.forEach((s, i) => {
    const value = data[s.at][index];
    setText(one.figures[i], `${s.name ? `${s.name} ` : ''}${value === undefined || value === null ? '–' : s.text(value)}`);
    one.figures[i].dataset.ink = s.ink;
  });
}

export function take(samples) {
  for (const sample of samples) {
    sample.forEach((value, i) => data[i].push(i === 0 ? value / 1000 : value));
    if (data[0].length > KEPT) data.forEach(column => column.shift());
  }
  for (const one of drawn) {
    one.uplot.setData(pick(one));
    figures(one);
    const says = one.graph.series.map(s => {
      const values = data[s.at].filter(v => v !== null);
      return `${s.name ?? ''} now ${s.text(data[s.at].at(-1) ?? 0)}, highest ${s.text(Math.max(0, ...values))}`;
    });
    one.plot.setAttribute('aria-label', `${one.graph.title} over the last ${Math.round(data[0].length / 30)} minutes: ${says.join('; ')}`);
  }
}

export function clear() {
  data.forEach(column => { column.length = 0; });
}
