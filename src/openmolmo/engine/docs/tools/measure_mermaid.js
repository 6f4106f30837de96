// Everything in the drawing that stands in the page. `key` is the name that the source gives a node or an edge.
() => {
  const svg = document.querySelector('#drawing > svg'), marks = [];
  const add = (role, key, rects, text = '') => {
    const seen = [...rects].filter((r) => r.width > 0 || r.height > 0);
    if (!seen.length) return;
    const x = window.scrollX, y = window.scrollY;
    marks.push({role, datum: key === null ? {} : {key}, text, box: [Math.min(...seen.map((r) => r.left)) + x,
      Math.min(...seen.map((r) => r.top)) + y, Math.max(...seen.map((r) => r.right)) + x, Math.max(...seen.map((r) => r.bottom)) + y]});
  };
  const NODE = 'g.node, g.rough-node, g[data-et="participant"]', EDGE = 'path[data-et="edge"], [data-et="message"]';
  const keyOf = (element) => element.dataset.id || element.id;
  for (const node of svg.querySelectorAll(NODE)) {
    const shape = node.matches('g.node, g.rough-node') ? node : node.querySelector('rect');
    const head = node.querySelector('.label-group, .label.name') || node;  // of a class, of an entity
    add('node', keyOf(node), [(shape || node).getBoundingClientRect()], head.textContent.trim());
  }
  for (const rect of svg.querySelectorAll('rect.task')) add('node', rect.id, [rect.getBoundingClientRect()]);
  let before = 0;  // their own names count other lines of the source as well
  for (const edge of svg.querySelectorAll(EDGE))
    add('edge', edge.matches('path') ? keyOf(edge) : `i${before++}`, [edge.getBoundingClientRect()]);
  const messages = [...svg.querySelectorAll('.messageText')];
  const texts = document.createTreeWalker(svg, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, parent = node.parentElement;
    if (!node.data.trim() || parent.closest('style, title, desc, defs, script')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const holder = parent.closest('g.node, g.rough-node, g[data-et="participant"], .edgeLabel [data-id], text.messageText, text.taskText, text[id$="-text"]');
    const title = parent.closest('[class*="itleText"], [class*="Title"]') && !parent.closest('.sectionTitle');
    let key = holder ? keyOf(holder) : null;
    if (holder && holder.matches('text.messageText')) key = `i${messages.indexOf(holder)}`;
    if (holder && holder.id.endsWith('-text')) key = holder.id.slice(0, -5);
    const role = title ? 'title' : parent.closest('.tick, .sectionTitle, .grid') ? 'axis' : 'label';
    add(role, key, range.getClientRects(), node.data.trim());
  }
  const {width, height} = document.getElementById('drawing').getBoundingClientRect();
  return {page: [Math.ceil(width), Math.ceil(height)], marks};
}
