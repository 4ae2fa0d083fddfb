"""What an experiment is made of: components, nuisance parameters, templates, recoil nodes."""
