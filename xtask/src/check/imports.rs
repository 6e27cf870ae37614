// SPDX-License-Identifier: Apache-2.0
//! Parses a Rust file with `syn`, and finds the names that the file uses from other files in `use` declarations and
//! paths.

use std::path::PathBuf;

use syn::visit::{self, Visit};

/// A `use` declaration: the full path, and the name brought into scope (`None` for a glob).
pub type Use = (Vec<String>, Option<String>);

/// A child module in a separate file.
#[derive(Clone, Debug)]
pub struct Child {
    pub name: String,
    /// The path given by `#[path]`.
    pub path: Option<PathBuf>,
}

/// The contents of one module, without the contents of its child modules.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    pub uses: Vec<Use>,
    pub paths: Vec<Vec<String>>,
    /// Child modules in separate files.
    pub children: Vec<Child>,
    /// Child modules in this file.
    pub inline: Vec<(String, Contents)>,
}

impl Contents {
    /// Collects the names used by `items`.
    pub fn of(items: &[syn::Item]) -> Self {
        let mut contents = Self::default();
        items.iter().for_each(|item| contents.visit_item(item));
        contents
    }

    fn add_use(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_use(&path.tree, &with(&path.ident)),
            // `use a::b::{self}` means `use a::b`.
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.uses.push((before.to_vec(), before.last().cloned()));
            }
            syn::UseTree::Name(name) => self.uses.push((with(&name.ident), Some(name.ident.to_string()))),
            syn::UseTree::Rename(name) => {
                let path = if name.ident == "self" { before.to_vec() } else { with(&name.ident) };
                self.uses.push((path, Some(name.rename.to_string())));
            }
            syn::UseTree::Glob(_) => self.uses.push((before.to_vec(), None)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Contents {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let name = module.ident.to_string();
        match &module.content {
            Some((_, items)) => self.inline.push((name, Self::of(items))),
            None => self.children.push(Child { name, path: path_attribute(&module.attrs) }),
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.add_use(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

/// Returns the path in `#[path = "…"]`.
fn path_attribute(attributes: &[syn::Attribute]) -> Option<PathBuf> {
    attributes.iter().find_map(|attribute| {
        let syn::Meta::NameValue(value) = &attribute.meta else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &value.value else { return None };
        value.path.is_ident("path").then(|| text.value().into())
    })
}
