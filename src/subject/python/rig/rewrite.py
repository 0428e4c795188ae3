"""Rewrites the source of a module so that each access of an attribute within a function is told first.

    self.count += other.size      becomes      R(self, "count").count += V(R(other, "size").size, self, "count")

where `R` and the others return what they got. Positions in the source stay as they are, and so does what the code does: no
expression is evaluated twice, or in another order.
"""

import ast

READ, WRITE, MAKE, CHANGE, UPDATE = "__rig_read__", "__rig_write__", "__rig_make__", "__rig_change__", "__rig_update__"
# What is told of locks of the program's own: it decorates the methods with this in their names.
ACQUIRE, RELEASE = "__rig_acquire__", "__rig_release__"
OF_LOCKS = {"acquire": ACQUIRE, "release": RELEASE}
# Methods that change a list, a dictionary, a set or a deque.
CHANGING = frozenset(
    "append extend insert pop popleft popitem remove clear add discard update setdefault appendleft extendleft sort "
    "reverse rotate".split()
)


def rewrite(source, file):
    """The code of a module."""
    tree = ast.parse(source, file)
    Rewriter(tree).visit(tree)
    return compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)


class Rewriter(ast.NodeTransformer):
    """Changes the accesses in the functions of one module."""

    def __init__(self, tree):
        # Names of modules: what is taken from them is not watched.
        self.modules = {
            (name.asname or name.name.partition(".")[0])
            for node in tree.body
            if isinstance(node, ast.Import)
            for name in node.names
        }
        self.classes = []
        self.depth = 0
        # The object that a constructor makes, by the name of its parameter.
        self.made = None
        self.temporaries = 0

    # -- scopes

    def visit_FunctionDef(self, node):
        """Decorators and defaults belong to the scope outside; annotations stay as they are."""
        node.decorator_list = self._all(node.decorator_list)
        self._defaults(node.args)
        first = (node.args.posonlyargs + node.args.args)[:1]
        outside = self.made
        self.made = first[0].arg if first and node.name == "__init__" and self.classes else None
        self.depth += 1
        node.body = self._statements(node.body)
        self.depth -= 1
        self.made = outside
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        """A function without a name."""
        self._defaults(node.args)
        self.depth += 1
        node.body = self.visit(node.body)
        self.depth -= 1
        return node

    def visit_ClassDef(self, node):
        """What stands in a class and in none of its functions is done once."""
        node.decorator_list, node.bases = self._all(node.decorator_list), self._all(node.bases)
        node.keywords = self._all(node.keywords)
        depth, made = self.depth, self.made
        self.depth, self.made = 0, None
        self.classes.append(node.name)
        node.body = self._statements(node.body)
        tell_of_lock(node.body)
        self.classes.pop()
        self.depth, self.made = depth, made
        return node

    def visit_TypeAlias(self, node):
        """Types stay as they are."""
        return node

    def visit_AnnAssign(self, node):
        """An annotation stays as it is."""
        if node.value is not None:
            node.value = self.visit(node.value)
        node.target = self.visit(node.target)
        return node

    def visit_match_case(self, node):
        """A pattern stays as it is: it must consist of names."""
        if node.guard is not None:
            node.guard = self.visit(node.guard)
        node.body = self._statements(node.body)
        return node

    # -- accesses

    def visit_Attribute(self, node):
        """`o.a`."""
        return self._tell(node, WRITE if isinstance(node.ctx, ast.Store | ast.Del) else READ)

    def visit_Call(self, node):
        """`o.a.append(x)` changes what `o.a` is."""
        function = node.func
        if self.depth and isinstance(function, ast.Attribute) and function.attr in CHANGING:
            function.value = self._changed(function.value)
        else:
            node.func = self.visit(function)
        node.args, node.keywords = self._all(node.args), self._all(node.keywords)
        return node

    def visit_Subscript(self, node):
        """`o.a[k] = v` changes what `o.a` is."""
        if self.depth and isinstance(node.ctx, ast.Store | ast.Del):
            node.value = self._changed(node.value)
        else:
            node.value = self.visit(node.value)
        node.slice = self.visit(node.slice)
        return node

    def visit_AugAssign(self, node):
        """`o.a += v` reads `o.a` before it has `v`, and writes after that."""
        target = node.target
        if not (self.depth and isinstance(target, ast.Attribute)) or is_super(target.value):
            node.target, node.value = self.visit(target), self.visit(node.value)
            return node
        before = []
        if not isinstance(target.value, ast.Name):
            self.temporaries += 1
            name = f".rig{self.temporaries}"
            held = ast.Assign([at(target, ast.Name(name, ast.Store()))], self.visit(target.value))
            before = [at(node, held)]
            target.value = at(target, ast.Name(name, ast.Load()))
        owner = target.value.id
        update = call(UPDATE, self.visit(node.value), node.value)
        update.args += [at(node.value, ast.Name(owner, ast.Load())), self._name_of(target)]
        target.value = self._told(target, READ)
        node.value = update
        return [*before, node]

    def _tell(self, node, function):
        value = node.value
        if not self.depth or is_super(value):
            self.generic_visit(node)
            return node
        if isinstance(value, ast.Name) and value.id in self.modules:
            return node
        if function == WRITE and isinstance(value, ast.Name) and value.id == self.made:
            function = MAKE
        node.value = self.visit(value)
        node.value = self._told(node, function)
        return node

    def _told(self, node, function):
        """The owner of an attribute, handed on by the function that is told of the access."""
        told = call(function, node.value, node)
        told.args.append(self._name_of(node))
        return told

    def _changed(self, node):
        """An expression whose value is changed in itself."""
        if isinstance(node, ast.Attribute) and not is_super(node.value):
            return self._tell(node, CHANGE)
        return self.visit(node)

    def _name_of(self, node):
        """The name of an attribute as it is at run time: private ones have that of their class in front."""
        name = node.attr
        owner = self.classes[-1].lstrip("_") if self.classes else ""
        if owner and name.startswith("__") and not name.endswith("__"):
            name = f"_{owner}{name}"
        return at(node, ast.Constant(name))

    # -- lists of nodes

    def _all(self, nodes):
        return [self.visit(node) for node in nodes]

    def _statements(self, nodes):
        done = []
        for node in nodes:
            result = self.visit(node)
            done += result if isinstance(result, list) else [result]
        return done

    def _defaults(self, arguments):
        arguments.defaults = self._all(arguments.defaults)
        arguments.kw_defaults = [one and self.visit(one) for one in arguments.kw_defaults]


def is_super(node):
    """Whether this is `super()`, which looks at the frame that calls it."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def tell_of_lock(body):
    """Decorates the methods of a class that has `acquire` and `release`, so that it is told which threads hold its objects."""
    methods = {node.name: node for node in body if isinstance(node, ast.FunctionDef) and not node.decorator_list}
    if not OF_LOCKS.keys() <= methods.keys():
        return
    for name, node in methods.items():
        decorator = next((decorator for part, decorator in OF_LOCKS.items() if part in name), None)
        if decorator is not None:
            node.decorator_list.append(at(node, ast.Name(decorator, ast.Load())))


def at(node, made):
    """A node that is made, in the place of another."""
    return ast.copy_location(made, node)


def call(function, argument, node):
    """A call in the place of a node."""
    return at(node, ast.Call(at(node, ast.Name(function, ast.Load())), [argument], []))
